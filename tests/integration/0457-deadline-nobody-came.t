# A night whose workers never came is held with its moment and its budgets, and carried over later. --on-deadline without a deadline is refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 16
options=(--bundle night.njb --users users.txt "${settings[@]}" --shard-users 8 --audit-users 0 --store store --json)
alone=(nightjar-coordinator --bind "tcp://127.0.0.1:*" --insecure "${options[@]}") # nobody decodes
expect_exit 0 nightjar run "${options[@]}" --workers 1
expect_exit 75 "${alone[@]}" --deadline 1s --carry-max 100
expect_said last "has passed with 0 of 16 users done, .*--on-deadline is hold"
[[ -d store/staging ]] || fail "the moment of the night is lost"
expect_exit 75 timeout 20 "${alone[@]}" --resume --deadline 1s # as a service manager that starts it again
expect_exit 3 timeout 20 "${alone[@]}" --resume --on-deadline carry
expect_json last.out carried 16
expect_exit 2 timeout 20 "${alone[@]}" --resume --on-deadline carry
expect_said last "the night has no deadline"
[[ ! -e store/staging ]] || fail "a night that was refused has left something"
