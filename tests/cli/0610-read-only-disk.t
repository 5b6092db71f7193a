# A folder that cannot be written to: exit 74, and the path is named. What is only read is read.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store
if ! can_mount; then
    skip "a read-only disk cannot be mounted here: $(head -n 1 mount.err)"
    done_testing
    exit 0
fi

# The work folder's content on a disk that then becomes read-only.
read_only() { # COMMAND...
    on_disk 16m bash -c 'cp -r cat store b.njb users.txt disk/ && mount -o remount,ro "$PWD/disk" && "$@"' read_only "$@"
}
refuse() { # TEXT COMMAND...
    local text=$1
    shift
    expect_exit 74 "$text" -- read_only "$@"
    stderr_has 'Read-only file system'
}
refuse 'disk/new.tmp.' nightjar "${import[@]}" --out disk/new
refuse 'disk/cat.tmp.' nightjar "${import[@]}" --out disk/cat --overwrite
refuse 'disk/c.njb: cannot create' nightjar bundle pack --model "$data/model" --catalogue cat --out disk/c.njb
refuse 'disk/a.key: cannot create' nightjar keys --out disk/a.key
refuse 'disk/new' nightjar run --bundle b.njb --users users.txt --store disk/new --workers 1
refuse 'disk/store' nightjar run --bundle b.njb --users users.txt --store disk/store --workers 1
refuse 'disk/store' nightjar store publish --store disk/store "$generation"
refuse 'disk/cache' nightjar run --bundle b.njb --users users.txt --store other --workers 1 --cache disk/cache

expect_exit 0 '' -- read_only nightjar catalogue show disk/cat
expect_exit 0 '' -- read_only nightjar bundle verify disk/b.njb
expect_exit 0 '' -- read_only nightjar decode --bundle disk/b.njb --users disk/users.txt
for command in 'get alma' export stat list verify; do
    read -ra words <<<"$command"
    expect_exit 0 '' -- read_only nightjar store "${words[@]}" --store disk/store
done
done_testing
