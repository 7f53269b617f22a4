#include "arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

static int fail(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    return 0;
}

/* Reads the sides of "'shape': (1, 2, 3), }"; 0 where there are none, or one is
 * absurd. */
static int read_shape(const char *header, array *a)
{
    const char *text = strstr(header, "'shape': (");
    if (!text)
        return 0;
    text += strlen("'shape': (");
    a->count = 1;
    for (a->rank = 0; *text != ')';) {
        char *end;
        const long long side = strtoll(text, &end, 10);
        if (end == text || side < 0 || side > INT32_MAX || a->rank == MOST_SIDES)
            return 0;
        if (__builtin_mul_overflow(a->count, side, &a->count))
            return 0;
        a->shape[a->rank++] = side;
        text = end + strspn(end, ", ");
    }
    return 1;
}

/* Reads the bytes of a .npy file.  Text, which NumPy has as numbers of one byte, is given to *text,
 * with a zero after it. */
static int parse_npy(const char *bytes, int64_t size, array *a, char **text)
{
    char header[1024] = {0};
    if (size < 10 || memcmp(bytes, "\x93NUMPY\1", 7) != 0)
        return 0;
    const int64_t length = (unsigned char)bytes[8] | (unsigned char)bytes[9] << 8;
    if (length >= (int64_t)sizeof header || 10 + length > size)
        return 0;
    memcpy(header, bytes + 10, (size_t)length);
    const int is_text = strstr(header, "'|u1'") != NULL && text != NULL;
    const int64_t item = is_text ? 1 : 4, there = size - 10 - length;
    if ((!is_text && !strstr(header, "'<f4'")) || !strstr(header, "'fortran_order': False") ||
        !read_shape(header, a) || a->count > there || a->count * item != there)
        return 0;
    char *data = malloc((size_t)there + 1);
    if (!data)
        return 0;
    memcpy(data, bytes + 10 + length, (size_t)there);
    data[there] = 0;
    if (is_text)
        *text = data;
    else
        a->data = (float *)(void *)data;
    return 1;
}

/* Reads one member of an .npz file; libzip holds it against its checksum. */
static int read_member(zip_t *zip, zip_uint64_t index, archive *result)
{
    zip_stat_t stat;
    array *a = &result->arrays[result->count];
    if (zip_stat_index(zip, index, 0, &stat) != 0 || stat.comp_method != ZIP_CM_STORE)
        return 0;
    zip_file_t *file = zip_fopen_index(zip, index, 0);
    char *bytes = malloc(stat.size), *text = NULL;
    int done = file && bytes && zip_fread(file, bytes, stat.size) == (zip_int64_t)stat.size &&
               zip_fread(file, &(char){0}, 1) == 0 && /* the end: now the checksum is known */
               parse_npy(bytes, (int64_t)stat.size, a, &text);
    free(bytes);
    if (file)
        zip_fclose(file);
    const size_t length = strlen(stat.name);
    if (text && !result->description && strcmp(stat.name, "description.npy") == 0) {
        result->description = text;
    } else if (done && a->data && length > 4) {
        a->name = strndup(stat.name, length - strlen(".npy"));
        result->count++;
    } else {
        free(text);
        free_array(a);
        done = 0;
    }
    return done;
}

int read_npz(const char *path, archive *result)
{
    *result = (archive){0};
    zip_t *zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, NULL);
    if (!zip)
        return fail(path, "is not there, or no zip file");
    const zip_int64_t members = zip_get_num_entries(zip, 0);
    result->arrays = calloc((size_t)members + 1, sizeof *result->arrays);
    int done = result->arrays != NULL;
    for (zip_int64_t i = 0; done && i < members; i++)
        done = read_member(zip, (zip_uint64_t)i, result);
    zip_discard(zip);
    if (!done)
        free_archive(result);
    return done || fail(path, "is damaged, or has other arrays than of float32");
}

int read_npy(const char *path, array *result)
{
    *result = (array){0};
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail(path, "cannot be read");
    const long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    char *bytes = size > 0 ? malloc((size_t)size) : NULL;
    rewind(file);
    const int done = bytes && fread(bytes, 1, (size_t)size, file) == (size_t)size &&
                     parse_npy(bytes, size, result, NULL);
    free(bytes);
    fclose(file);
    return done || fail(path, "is no .npy file of float32");
}

int write_npy(const char *path, const array *a)
{
    char shape[256] = "", header[512];
    for (int i = 0; i < a->rank; i++)
        sprintf(shape + strlen(shape), "%lld, ", (long long)a->shape[i]);
    snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }",
             shape);
    /* Data begins at a multiple of 64 bytes. */
    const int length = ((int)strlen(header) + 11 + 63) / 64 * 64 - 10;
    FILE *file = fopen(path, "wb");
    if (!file)
        return fail(path, "cannot be written");
    int done = fprintf(file, "\x93NUMPY\1%c%c%c%-*s\n", 0, length % 256, length / 256, length - 1,
                       header) == 10 + length;
    done &= fwrite(a->data, sizeof *a->data, (size_t)a->count, file) == (size_t)a->count;
    done &= fclose(file) == 0;
    return done || fail(path, "cannot be written");
}

const array *find(const archive *a, const char *name)
{
    for (int i = 0; i < a->count; i++)
        if (strcmp(a->arrays[i].name, name) == 0)
            return &a->arrays[i];
    return NULL;
}

void free_array(array *a)
{
    free(a->name);
    free(a->data);
    *a = (array){0};
}

void free_archive(archive *a)
{
    for (int i = 0; a->arrays && i < a->count; i++)
        free_array(&a->arrays[i]);
    free(a->arrays);
    free(a->description);
    *a = (archive){0};
}
