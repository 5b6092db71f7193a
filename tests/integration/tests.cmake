# Real processes over TCP on loopback: one numbered script a behaviour, lib.sh is what they share.
add_executable(count_shards integration/count_shards.c)
target_link_libraries(count_shards PRIVATE nightjar_flags PkgConfig::LMDB)

nj_scripts(integration LABEL integration TIMEOUT 300 WAITS)
