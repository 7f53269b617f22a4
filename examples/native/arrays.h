/* Arrays of float32 in NumPy's .npy and .npz files, which .csep files are. */
#ifndef ARRAYS_H
#define ARRAYS_H

#include <stdint.h>

enum { MOST_SIDES = 8 };

typedef struct array {
    char *name; /* within an .npz file, or NULL */
    int rank;
    int64_t shape[MOST_SIDES];
    int64_t count; /* of numbers */
    float *data;
} array;

typedef struct archive {
    int count;
    array *arrays;
    char *description; /* the text that a .csep file has beside its arrays, or NULL */
} archive;

/* Each prints what is wrong and returns 0 where it cannot; a file is not believed. */
int read_npz(const char *path, archive *result);
int read_npy(const char *path, array *result);
int write_npy(const char *path, const array *a);

/* The array of a name, or NULL. */
const array *find(const archive *a, const char *name);

void free_array(array *a);
void free_archive(archive *a);

#endif
