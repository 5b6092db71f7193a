# Key files of coordinator and worker: another file in their place is refused with its line, and no secret is repeated.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
for name in server worker; do
    nightjar keys --out $name.key --name $name >out 2>err
done
secret=$(sed -n 2p worker.key)
public=$(cut -d' ' -f1 worker.key.pub)

coordinator() { # CODE TEXT OPTION...
    local code=$1 text=$2
    shift 2
    expect_exit "$code" "$text" -- timeout 20 nightjar-coordinator --bind 'tcp://127.0.0.1:*' --bundle b.njb --users users.txt --store store "$@"
}
secret_is_kept() {
    check "... and repeats no key" bash -c '! grep -q -F -e "$1" err' keep "$secret"
}
coordinator 2 '--key and --workers are required (or --insecure, on purpose)'
coordinator 2 '--key and --workers are required' --key server.key
coordinator 2 '--insecure does not go with --key and --workers' --insecure --key server.key

key() { # CODE TEXT FILE
    coordinator "$1" "$2" --key "$3" --workers worker.key.pub
}
key 5 'missing.key: No such file or directory' missing.key
key 78 '.: a secret key must be a regular file' .
key 78 'users.txt: mode 644 lets others at a secret key: chmod 600 users.txt' users.txt
: >empty.key
printf '%s\n%s\n' "$secret" "$secret" >two.key
printf '%s' "${secret:0:39}" >short.key
printf '%s\n' "${secret}x" >long.key
printf '# a comment\n\n%s\x01\n' "${secret:0:39}" >bytes.key
head -c 3000 b.njb >binary.key
cp b.njb large.key
chmod 600 ./*.key
key 65 'empty.key: holds no key' empty.key
key 65 'two.key:2: a second key; the file must hold one' two.key
secret_is_kept
key 65 'short.key:1: not a key: a key is 40 characters of Z85' short.key
key 65 'long.key:1: not a key' long.key
secret_is_kept
key 65 'bytes.key:3: not a key' bytes.key
key 65 'binary.key:1: not a key' binary.key
key 65 'large.key: has ' large.key

workers() { # CODE TEXT FILE
    coordinator "$1" "$2" --key server.key --workers "$3"
}
(cat worker.key.pub && echo && cat worker.key.pub) >twice.pub
(cat server.key.pub && echo 'not a key') >bad.pub
printf '%s %s\n' "$public" "$(repeat 64 n)" >name.pub
printf '%s \x01\n' "$public" >control.pub
printf '# nobody yet\n' >nobody.pub
workers 5 'missing.pub: cannot open' missing.pub
workers 65 '.: not a regular file' .
workers 65 'nobody.pub: holds no key, so no worker could ever connect' nobody.pub
workers 65 'twice.pub:3: the key of line 1 again' twice.pub
workers 65 'bad.pub:2: not a key' bad.pub
workers 65 'name.pub:1: a name of 64 bytes, the limit is 63' name.pub
workers 65 'control.pub:1: the name contains a control character' control.pub
workers 65 'worker.key:1: a secret key; a public one is needed' worker.key
secret_is_kept
expect_absent store

worker() { # CODE TEXT OPTION...
    local code=$1 text=$2
    shift 2
    expect_exit "$code" "$text" -- timeout 20 nightjar-worker --connect tcp://127.0.0.1:9 "$@"
}
worker 2 '--key and --server-key are required (or --insecure, on purpose)'
worker 2 '--insecure does not go with' --insecure --key worker.key
worker 5 'missing.key: No such file or directory' --key missing.key --server-key "$public"
worker 78 'worker.key.pub: a public key by its name; the secret one is needed' --key worker.key.pub --server-key "$public"
worker 65 'two.key:2: a second key' --key two.key --server-key "$public"
worker 5 'zzz: cannot open' --key worker.key --server-key zzz
worker 65 'bad.pub:2: ' --key worker.key --server-key bad.pub
worker 65 'server.key:1: a secret key; a public one is needed' --key worker.key --server-key server.key
done_testing
