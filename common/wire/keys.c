#include "common/wire/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/buffer.h"
#include "common/base/file.h"
#include "common/base/id.h"

#define KEY_CHARS (NJ_KEY_TEXT_BYTES - 1)
#define KEY_BYTES 32
#define SECRET_FILE_BYTES (NJ_KEY_TEXT_BYTES + 64) // a comment and the key
#define SECRET_COMMENT "# nightjar secret key"     // the first line of a secret file

bool nj_key_valid(const char *text)
{
    uint8_t decoded[KEY_BYTES];
    bool valid = strlen(text) == KEY_CHARS && zmq_z85_decode(decoded, text) != NULL;
    sodium_memzero(decoded, sizeof decoded);
    return valid;
}

nj_status nj_keypair_make(nj_keypair *out, nj_error *err)
{
    do {
        if (zmq_curve_keypair(out->public_key, out->secret_key) != 0) {
            return nj_fail(err, NJ_FAILED, "cannot make a CURVE key pair: %s", zmq_strerror(errno));
        }
    } while (out->public_key[0] == '-');
    return NJ_OK;
}

void nj_keypair_wipe(nj_keypair *pair)
{
    sodium_memzero(pair, sizeof *pair);
}

// ---- writing ----

static nj_status write_fd(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t wrote = write(fd, bytes, size);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return NJ_IO;
        }
        bytes += wrote;
        size -= (size_t)wrote;
    }
    return NJ_OK;
}

static nj_status create_file(const char *path, mode_t mode, const char *bytes, size_t size,
                             nj_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST) {
        return nj_fail(err, NJ_INPUT, "%s: exists; a key is never overwritten", path);
    }
    if (fd < 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot create", path);
    }
    nj_status status = write_fd(fd, bytes, size);
    if (status == NJ_OK && fsync(fd) != 0) {
        status = NJ_IO;
    }
    if (status != NJ_OK) {
        status = nj_fail_errno(err, status, errno, "%s: cannot write", path);
    }
    if (close(fd) != 0 && status == NJ_OK) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot write", path);
    }
    if (status != NJ_OK) {
        (void)unlink(path);
    }
    return status;
}

static size_t print_secret(const nj_keypair *pair, char out[SECRET_FILE_BYTES])
{
    return (size_t)snprintf(out, SECRET_FILE_BYTES, SECRET_COMMENT ": keep it private\n%s\n",
                            pair->secret_key);
}

nj_status nj_keypair_write_fd(const nj_keypair *pair, int fd, nj_error *err)
{
    char text[SECRET_FILE_BYTES];
    nj_status status = write_fd(fd, text, print_secret(pair, text));
    if (status != NJ_OK) {
        status = nj_fail_errno(err, status, errno, "cannot write a secret key");
    }
    sodium_memzero(text, sizeof text);
    return status;
}

nj_status nj_keypair_write(const nj_keypair *pair, const char *secret_path, const char *public_path,
                           const char *name, nj_error *err)
{
    char secret[SECRET_FILE_BYTES];
    char text[NJ_KEY_TEXT_BYTES + NJ_ALLOW_NAME_BYTES + 2];
    if (strlen(name) >= NJ_ALLOW_NAME_BYTES || strchr(name, '\n') != NULL) {
        return nj_fail(err, NJ_INPUT, "a key's name must be one line of at most %d bytes",
                       NJ_ALLOW_NAME_BYTES - 1);
    }
    if (name[0] != '\0' && nj_id_problem(nj_slice_from(name)) != NULL) {
        return nj_fail(err, NJ_INPUT, "a key's name %s", nj_id_problem(nj_slice_from(name)));
    }
    nj_status status =
        create_file(secret_path, S_IRUSR | S_IWUSR, secret, print_secret(pair, secret), err);
    sodium_memzero(secret, sizeof secret);
    if (status != NJ_OK) {
        return status;
    }
    int length =
        snprintf(text, sizeof text, "%s%s%s\n", pair->public_key, name[0] != '\0' ? " " : "", name);
    status = create_file(public_path, 0644, text, (size_t)length, err);
    if (status != NJ_OK) {
        (void)unlink(secret_path);
    }
    return status;
}

// ---- reading: every file is lines of "key [name]" and comments ----

typedef struct {
    const char *path;
    const char *at;
    const char *end;
    unsigned line;
} line_reader;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static nj_slice trim(nj_slice text)
{
    while (text.size > 0 && is_blank(text.bytes[0])) {
        text.bytes++;
        text.size--;
    }
    while (text.size > 0 && is_blank(text.bytes[text.size - 1])) {
        text.size--;
    }
    return text;
}

// The next line that is neither blank nor a comment; NJ_END after the last.
static nj_status next_line(line_reader *reader, nj_slice *out)
{
    while (reader->at < reader->end) {
        const char *newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
        const char *stop = newline != NULL ? newline : reader->end;
        nj_slice line = trim((nj_slice){reader->at, (size_t)(stop - reader->at)});
        reader->at = newline != NULL ? newline + 1 : reader->end;
        reader->line++;
        if (line.size > 0 && line.bytes[0] != '#') {
            *out = line;
            return NJ_OK;
        }
    }
    return NJ_END;
}

// The text of a refused line is not repeated: it may be a secret in the wrong file.
static nj_status parse_line(const line_reader *reader, nj_slice line, nj_allowed *out,
                            nj_error *err)
{
    size_t key_size = 0;
    while (key_size < line.size && !is_blank(line.bytes[key_size])) {
        key_size++;
    }
    *out = (nj_allowed){.line = reader->line};
    if (key_size == KEY_CHARS) {
        memcpy(out->key, line.bytes, key_size);
    }
    if (!nj_key_valid(out->key)) {
        return nj_fail(err, NJ_INPUT, "%s:%u: not a key: a key is %d characters of Z85",
                       reader->path, reader->line, KEY_CHARS);
    }
    nj_slice name = trim((nj_slice){line.bytes + key_size, line.size - key_size});
    if (name.size >= sizeof out->name) {
        return nj_fail(err, NJ_INPUT, "%s:%u: a name of %zu bytes, the limit is %zu", reader->path,
                       reader->line, name.size, sizeof out->name - 1);
    }
    if (name.size > 0 && nj_id_problem(name) != NULL) {
        return nj_fail(err, NJ_INPUT, "%s:%u: the name %s", reader->path, reader->line,
                       nj_id_problem(name));
    }
    memcpy(out->name, name.bytes, name.size);
    return NJ_OK;
}

// A file that holds exactly one key.
static nj_status parse_one_key(const char *path, const char *bytes, size_t size, nj_allowed *out,
                               nj_error *err)
{
    line_reader reader = {.path = path, .at = bytes, .end = bytes + size};
    nj_slice line;
    if (next_line(&reader, &line) != NJ_OK) {
        return nj_fail(err, NJ_INPUT, "%s: holds no key", path);
    }
    nj_status status = parse_line(&reader, line, out, err);
    if (status == NJ_OK && next_line(&reader, &line) == NJ_OK) {
        status = nj_fail(err, NJ_INPUT, "%s:%u: a second key; the file must hold one", path,
                         reader.line);
    }
    return status;
}

// Ours must be for us alone. One of root's may be readable by a group: so a scheduler mounts a secret into a container that
// does not run as root, and so an access list shows by which systemd hands a credential to a service's user. Source: the same
// rule as PostgreSQL's ssl_key_file.
static nj_status check_secret_mode(const char *path, nj_error *err)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        return nj_fail_errno(err, errno == ENOENT ? NJ_NOT_FOUND : NJ_IO, errno, "%s", path);
    }
    if (!S_ISREG(about.st_mode)) {
        return nj_fail(err, NJ_CONFIG, "%s: a secret key must be a regular file", path);
    }
    const size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, ".pub") == 0) {
        return nj_fail(err, NJ_CONFIG,
                       "%s: a public key by its name; the secret one is needed (the file without "
                       ".pub)",
                       path);
    }
    const bool is_of_root = about.st_uid == 0 && geteuid() != 0;
    const mode_t refused = S_IRWXO | (is_of_root ? S_IWGRP | S_IXGRP : S_IRWXG);
    if ((about.st_mode & refused) != 0) {
        return nj_fail(err, NJ_CONFIG, "%s: mode %03o lets others at a secret key: chmod 600 %s",
                       path, (unsigned)(about.st_mode & 0777), path);
    }
    return NJ_OK;
}

nj_status nj_keypair_read(const char *secret_path, nj_keypair *out, nj_error *err)
{
    nj_status status = check_secret_mode(secret_path, err);
    if (status != NJ_OK) {
        return status;
    }
    char *bytes = NULL;
    size_t size = 0;
    status = nj_file_read(secret_path, NJ_KEY_FILE_BYTES_MAX, &bytes, &size, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_allowed secret;
    status = parse_one_key(secret_path, bytes, size, &secret, err);
    if (status == NJ_OK && zmq_curve_public(out->public_key, secret.key) != 0) {
        status = nj_fail(err, NJ_INPUT, "%s: not a CURVE secret key", secret_path);
    }
    if (status == NJ_OK) {
        memcpy(out->secret_key, secret.key, sizeof out->secret_key);
    }
    sodium_memzero(&secret, sizeof secret);
    sodium_memzero(bytes, size);
    free(bytes);
    return status;
}

// Secret and public keys look alike; the comment that we write tells them apart. A secret does not belong in a list that is
// passed around.
static nj_status refuse_secret(const char *path, const char *bytes, nj_error *err)
{
    if (strncmp(bytes, SECRET_COMMENT, strlen(SECRET_COMMENT)) != 0) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_INPUT,
                   "%s:1: a secret key; a public one is needed (the file that ends in .pub)", path);
}

nj_status nj_public_key_read(const char *path, char out[NJ_KEY_TEXT_BYTES], nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_file_read(path, NJ_KEY_FILE_BYTES_MAX, &bytes, &size, err);
    if (status == NJ_OK) {
        status = refuse_secret(path, bytes, err);
    }
    if (status == NJ_OK) {
        nj_allowed found;
        status = parse_one_key(path, bytes, size, &found, err);
        if (status == NJ_OK) {
            memcpy(out, found.key, sizeof found.key);
        }
    }
    free(bytes);
    return status;
}

// ---- allow-lists ----

static int compare_allowed(const void *a, const void *b)
{
    const nj_allowed *left = a;
    const nj_allowed *right = b;
    int order = strcmp(left->key, right->key);
    return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

static nj_status sort_list(nj_allowlist *list, const char *what, nj_error *err)
{
    if (list->count > 0) {
        qsort(list->keys, list->count, sizeof *list->keys, compare_allowed);
    }
    for (size_t i = 1; i < list->count; i++) {
        if (strcmp(list->keys[i - 1].key, list->keys[i].key) == 0) {
            return nj_fail(err, NJ_INPUT, "%s:%u: the key of line %u again", what,
                           list->keys[i].line, list->keys[i - 1].line);
        }
    }
    return NJ_OK;
}

static nj_status parse_list(line_reader *reader, nj_buffer *keys, nj_error *err)
{
    nj_slice line;
    while (next_line(reader, &line) == NJ_OK) {
        nj_allowed allowed;
        nj_status status = parse_line(reader, line, &allowed, err);
        if (status != NJ_OK) {
            return status;
        }
        if (keys->size / sizeof allowed == NJ_ALLOW_MAX) {
            return nj_fail(err, NJ_INPUT, "%s:%u: more than %d keys", reader->path, reader->line,
                           NJ_ALLOW_MAX);
        }
        if (nj_buffer_append(keys, &allowed, sizeof allowed) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its keys", reader->path);
        }
    }
    return NJ_OK;
}

nj_status nj_allowlist_read(const char *path, nj_allowlist *out, nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_file_read(path, NJ_ALLOW_FILE_BYTES_MAX, &bytes, &size, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_buffer keys;
    nj_buffer_init(&keys, (size_t)NJ_ALLOW_MAX * sizeof(nj_allowed));
    line_reader reader = {.path = path, .at = bytes, .end = bytes + size};
    status = refuse_secret(path, bytes, err);
    if (status == NJ_OK) {
        status = parse_list(&reader, &keys, err);
    }
    free(bytes);
    nj_allowlist list = {(nj_allowed *)(void *)keys.bytes, keys.size / sizeof(nj_allowed)};
    if (status == NJ_OK) {
        status = sort_list(&list, path, err);
    }
    if (status != NJ_OK) {
        nj_allowlist_fini(&list);
        return status;
    }
    *out = list;
    return NJ_OK;
}

nj_status nj_allowlist_of(const char *const *keys, size_t count, nj_allowlist *out, nj_error *err)
{
    if (count > NJ_ALLOW_MAX) {
        return nj_fail(err, NJ_INPUT, "%zu keys, the limit is %d", count, NJ_ALLOW_MAX);
    }
    nj_allowlist list = {calloc(count + 1, sizeof *list.keys), count};
    if (list.keys == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu keys", count);
    }
    nj_status status = NJ_OK;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        if (nj_key_valid(keys[i])) {
            memcpy(list.keys[i].key, keys[i], NJ_KEY_TEXT_BYTES);
            list.keys[i].line = (unsigned)i + 1;
        } else {
            status = nj_fail(err, NJ_INPUT, "key %zu of %zu is not %d characters of Z85", i + 1,
                             count, KEY_CHARS);
        }
    }
    if (status == NJ_OK) {
        status = sort_list(&list, "allow-list", err);
    }
    if (status != NJ_OK) {
        nj_allowlist_fini(&list);
        return status;
    }
    *out = list;
    return NJ_OK;
}

nj_status nj_allowlist_copy(const nj_allowlist *from, nj_allowlist *out, nj_error *err)
{
    nj_allowlist list = {calloc(from->count + 1, sizeof *list.keys), from->count};
    if (list.keys == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu keys", from->count);
    }
    if (from->count > 0) {
        memcpy(list.keys, from->keys, from->count * sizeof *list.keys);
    }
    *out = list;
    return NJ_OK;
}

void nj_allowlist_fini(nj_allowlist *list)
{
    free(list->keys);
    *list = (nj_allowlist){0};
}

const nj_allowed *nj_allowlist_find(const nj_allowlist *list, const char *key)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(list->keys[middle].key, key);
        if (order == 0) {
            return &list->keys[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
