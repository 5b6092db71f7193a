# Endpoints and folders that cannot be: refused with exit 78 and the like, and the store is not begun.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

bind() { # CODE TEXT ENDPOINT OPTION...
    local code=$1 text=$2 endpoint=$3
    shift 3
    expect_exit "$code" "$text" -- \
        timeout 20 nightjar-coordinator --insecure --bundle b.njb --users users.txt --store store --bind "$endpoint" "$@"
    expect_absent store/staging
}
bind 2 '--bind is empty, must be ENDPOINT' ''
bind 78 'x: must be tcp://ADDRESS:PORT' x
bind 78 '127.0.0.1:7000: must be tcp://ADDRESS:PORT' 127.0.0.1:7000
bind 78 'tcp://: must be tcp://ADDRESS:PORT' tcp://
bind 78 'tcp://127.0.0.1: must be tcp://ADDRESS:PORT' tcp://127.0.0.1
bind 78 'tcp://127.0.0.1:99999: the port must be a number from 0 to 65535' tcp://127.0.0.1:99999
bind 78 'tcp://127.0.0.1:0x10: the port must be' tcp://127.0.0.1:0x10
bind 78 'tcp://127.0.0.1:: the port must be' tcp://127.0.0.1:
bind 78 'carrier-pigeon://here: must be' carrier-pigeon://here
bind 78 'an endpoint of 3006 bytes, the limit is' "tcp://$(repeat 3000 1)"
bind 2 '--shard-users is "0", must be a whole number from 1 to' 'tcp://127.0.0.1:*' --shard-users 0
bind 2 '--lease-ms is "abc"' 'tcp://127.0.0.1:*' --lease-ms abc
bind 65 'users.txt: is not a folder' 'tcp://127.0.0.1:*' --store users.txt
bind 65 'users.txt: is not a folder' 'tcp://127.0.0.1:*' --store users.txt/store
bind 74 '/proc/store: cannot make folder' 'tcp://127.0.0.1:*' --store /proc/store

connect() { # CODE TEXT ENDPOINT OPTION...
    local code=$1 text=$2 endpoint=$3
    shift 3
    expect_exit "$code" "$text" -- timeout 20 nightjar-worker --insecure --connect "$endpoint" "$@"
}
connect 2 '--connect is empty' ''
connect 78 'x: must be tcp://ADDRESS:PORT' x
connect 78 'tcp://127.0.0.1: must be' tcp://127.0.0.1
connect 78 'tcp://127.0.0.1:99999: the port must be a number from 0 to 65535' tcp://127.0.0.1:99999
connect 2 'kernels "bogus" are not known' tcp://127.0.0.1:9 --kernels bogus
connect 2 '--batch is "0"' tcp://127.0.0.1:9 --batch 0
connect 2 '--procs is "1e9"' tcp://127.0.0.1:9 --procs 1e9
connect 2 '--give-up-ms is "0"' tcp://127.0.0.1:9 --give-up-ms 0
connect 75 'tcp://127.0.0.1:9' tcp://127.0.0.1:9 --give-up-ms 1000
done_testing
