# The units as systemd reads them: no mistake, no more rights than a night needs, and an answer to every exit code.
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"
command -v systemd-analyze >/dev/null || {
    echo "SKIPPED: ${0##*/}: systemd-analyze is not there (package systemd)"
    exit 77
}

# The programs are not in /usr/bin here.
mkdir units
ln -s "$bin" programs # the path of a clone may have spaces
cp "$source_dir"/ops/systemd/*.{service,timer,target} units
sed -i "s|^ExecStart=/usr/bin/nightjar|ExecStart=$work/programs/nightjar|" units/*.service
for unit in units/*; do
    name=$(basename "${unit/@/@shop}")
    cp "$unit" "units/$name" 2>/dev/null || true # the same file, where it is no template
    SYSTEMD_UNIT_PATH=$work/units: systemd-analyze verify --man=no "units/$name" >verify.log 2>&1 || fail "$unit: $(cat verify.log)"
    [[ ! -s verify.log ]] || fail "$unit: $(cat verify.log)"
done

# What each unit is allowed, of all that systemd-analyze looks at, and its exposure in tenths, with systemd 252. A store is read by its
# group (UMask=).
list_allowed() { # UNIT
    systemd-analyze security --offline=yes --json=short "$source_dir/ops/systemd/$1" 2>>security.log |
        python3 -c 'import json, sys; print(*sorted(c["name"] for c in json.load(sys.stdin) if c["set"] is False and c["exposure"]))'
}
expect_exposure() { # UNIT TENTHS ALLOWED...
    local allowed
    systemd-analyze security --offline=yes --threshold="$2" "$source_dir/ops/systemd/$1" >security.log 2>&1 ||
        fail "$1 is more exposed than $2 tenths: $(tail -n 1 security.log)"
    allowed=$(list_allowed "$1")
    for name in $allowed; do
        [[ " ${*:3} " == *" $name "* ]] || fail "$1 is allowed $name"
    done
    [[ -n $allowed ]] || fail "nothing is known of $1: $(cat security.log)"
}
needed=(SystemCallFilter=~@resources RootDirectory=/RootImage= "RestrictAddressFamilies=~AF_UNIX" "RestrictAddressFamilies=~AF_NETLINK"
    "RestrictAddressFamilies=~AF_(INET|INET6)" DeviceAllow=)
network=(PrivateNetwork= IPAddressDeny=)
expect_exposure nightjar-night@.service 6 "${needed[@]}" IPAddressDeny= UMask=
expect_exposure nightjar-coordinator@.service 12 "${needed[@]}" UMask= "${network[@]}"
expect_exposure nightjar-worker@.service 12 "${needed[@]}" "${network[@]}"

# schemas/status.def: what is tried again, what is success, and what is neither. A new exit code has to be put somewhere.
codes=$(sed -nE 's/^NJ_STATUS\([A-Z_]+, *[0-9]+, *([0-9]+),.*/\1/p' "$source_dir/schemas/status.def" | sort -nu | tr '\n' ' ')
expect_codes() { # UNIT RESTARTED
    local file=$source_dir/ops/systemd/$1 success prevented again='' code
    success=" 0 $(sed -n 's/^SuccessExitStatus=//p' "$file") "
    prevented=" $(sed -n 's/^RestartPreventExitStatus=//p' "$file") "
    for code in $codes; do
        if [[ $prevented != *" $code "* ]] && { [[ $success != *" $code "* ]] || grep -q '^Restart=always' "$file"; }; then
            again+="$code "
        fi
    done
    [[ $again == "$2 " ]] || fail "$1 is started again after $again, should be $2"
}
expect_codes nightjar-night@.service "74 75"
expect_codes nightjar-coordinator@.service "74 75"
expect_codes nightjar-worker@.service "0 1 3 4 74 75 130 143"

# What the examples say exists.
sed -nE 's/^#? ?NIGHTJAR_([A-Z_]+)=.*/\1/p' "$source_dir/ops/systemd/night.env.example" | tr 'A-Z_' 'a-z-' >options
(nightjar run --help && nightjar-coordinator --help) >help.out
while read -r option; do
    grep -q -- "--$option " help.out || fail "night.env.example: there is no --$option"
done <options
[[ $(wc -l <options) -ge 5 ]] || fail "night.env.example names only $(wc -l <options) options"
