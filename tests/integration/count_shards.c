// count_shards.c - prints how many shards a running night has committed: `count_shards STORE`. Looks only; an opened staging area
// (nj_staging_open) would take the night over.
#include <lmdb.h>
#include <stdio.h>

#define NJ_STORE_WORD(name, text, meaning) static const char name[] __attribute__((unused)) = text;
#include "schemas/store.def"

static int count_entries(MDB_env *env, size_t *out)
{
    MDB_txn *txn = NULL;
    MDB_dbi ledger;
    MDB_stat about;
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc == MDB_SUCCESS) {
        rc = mdb_dbi_open(txn, LEDGER, 0, &ledger);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_stat(txn, ledger, &about);
    }
    if (rc == MDB_SUCCESS) {
        *out = about.ms_entries;
    }
    mdb_txn_abort(txn);
    return rc;
}

int main(int argc, char **argv)
{
    char folder[4096];
    MDB_env *env = NULL;
    size_t count = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: count_shards STORE\n");
        return 2;
    }
    snprintf(folder, sizeof folder, "%s/%s", argv[1], STAGING);
    int rc = mdb_env_create(&env);
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_maxdbs(env, 3);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_open(env, folder, MDB_RDONLY, 0);
    }
    if (rc == MDB_SUCCESS) {
        rc = count_entries(env, &count);
    }
    mdb_env_close(env);
    if (rc != MDB_SUCCESS) {
        fprintf(stderr, "count_shards: %s: %s\n", folder, mdb_strerror(rc));
        return 1;
    }
    printf("%zu\n", count);
    return 0;
}
