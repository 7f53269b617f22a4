#include "system/caches.h"

#include <ctype.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Where the system does not tell. */
static csep_caches sizes = {INT64_C(32) << 10, INT64_C(512) << 10, 0};

enum { SMALLEST = 1 << 10 };
#define LARGEST (INT64_C(1) << 40)

/* A size such as 48K, and what follows it; -1 for anything else. */
static int64_t read_size(const char *text, char **end)
{
    if (!isdigit((unsigned char)*text))
        return -1;
    const long long number = strtoll(text, end, 10);
    int shift = 0;
    switch (toupper((unsigned char)**end)) {
    case 'K': shift = 10; break;
    case 'M': shift = 20; break;
    case 'G': shift = 30; break;
    default: break;
    }
    *end += shift > 0;
    return number <= LARGEST >> shift ? (int64_t)number << shift : -1;
}

/* "L1,L2,L3"; 0 where it is something else, or sizes that cannot be. */
static int read_text(const char *text, csep_caches *to)
{
    int64_t *const size[] = {&to->l1, &to->l2, &to->l3};
    char *end = NULL;
    for (int i = 0; i < 3; i++) {
        *size[i] = read_size(text, &end);
        if (*size[i] < 0 || *end != (i < 2 ? ',' : '\0'))
            return 0;
        text = end + 1;
    }
    return to->l1 >= SMALLEST && to->l2 >= to->l1 && (to->l3 == 0 || to->l3 >= to->l2);
}

#define CACHE "/sys/devices/system/cpu/cpu0/cache/index3/"

/* How many processors a list such as 0-7,16-23 names. */
static int64_t count_listed(FILE *file)
{
    int64_t count = 0, first, last;
    int next = ',';
    while (next == ',' && fscanf(file, "%" SCNd64, &first) == 1) {
        next = fgetc(file);
        last = first;
        if (next == '-' && fscanf(file, "%" SCNd64, &last) == 1)
            next = fgetc(file);
        count += last - first + 1;
    }
    return count;
}

/* One core's share of L3; sysconf tells of all the L3 that a processor has. */
static int64_t read_l3_share(void)
{
    int64_t kib = 0, sharers = 0;
    FILE *file = fopen(CACHE "size", "r");
    if (file) {
        if (fscanf(file, "%" SCNd64 "K", &kib) != 1)
            kib = 0;
        (void)fclose(file);
    }
    file = fopen(CACHE "shared_cpu_list", "r");
    if (file) {
        sharers = count_listed(file);
        (void)fclose(file);
    }
    return kib > 0 && sharers > 0 ? (kib << 10) / sharers : 0;
}

int csep_read_caches(const char *text)
{
    csep_caches told;
    if (text && *text) {
        const int good = read_text(text, &told);
        if (good)
            sizes = told;
        return good;
    }
#ifdef _SC_LEVEL1_DCACHE_SIZE
    const long l1 = sysconf(_SC_LEVEL1_DCACHE_SIZE), l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (l1 >= SMALLEST)
        sizes.l1 = l1;
    if (l2 >= sizes.l1)
        sizes.l2 = l2;
#endif
    const int64_t l3 = read_l3_share();
    sizes.l3 = l3 >= sizes.l2 ? l3 : 0;
    return 1;
}

csep_caches csep_cache_sizes(void) { return sizes; }
