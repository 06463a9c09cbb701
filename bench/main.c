/* SPDX-License-Identifier: Apache-2.0 */
/* lastref-bench: how fast our roles are, beside the bare-socket program and real TVM. bench/run.sh
 * calls it. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/net.h"

static const char usage[] =
    "usage: lastref-bench --bin DIR --source DIR [--tvm PYTHON] [--json FILE] [--fast]\n"
    "  --bin DIR     where lastref and the bench's programs are\n"
    "  --source DIR  where tvm_client.py is\n"
    "  --tvm PYTHON  an interpreter that imports tvm; without it real TVM is left out\n"
    "  --json FILE   where results are written (bench.json)\n"
    "  --fast        fewer and shorter runs: about half a minute\n"
    "Exit status: 0 targets reached, 1 one is missed, 2 wrong usage, 4 the bench itself failed.\n";

static bool parse(int argc, char **argv, struct bench *bench, const char **json) {
    const struct {
        const char *name;
        const char **value;
    } options[] = {{"--bin", &bench->bin},
                   {"--source", &bench->source},
                   {"--tvm", &bench->python},
                   {"--json", json}};
    for (int i = 1; i < argc; i++) {
        bool taken = strcmp(argv[i], "--fast") == 0;
        bench->fast = bench->fast || taken;
        for (size_t k = 0; k < LR_COUNT_OF(options) && !taken && i + 1 < argc; k++) {
            if (strcmp(argv[i], options[k].name) == 0) {
                *options[k].value = argv[++i];
                taken = true;
            }
        }
        if (!taken) {
            return false;
        }
    }
    return bench->bin != NULL && bench->source != NULL;
}

/* More ready to run than there are processors, before we began. */
static bool is_busy(void) {
    double load;
    return getloadavg(&load, 1) == 1 && load > (double)sysconf(_SC_NPROCESSORS_ONLN);
}

int main(int argc, char **argv) {
    static struct bench bench;
    const char *json = "bench.json";
    struct lr_error error = {0};
    if (!parse(argc, argv, &bench, &json)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    const struct lr_live_options world = {.alloc = lr_alloc_system()};
    if (lr_live_new(&bench.live, &world, &error) != LR_OK ||
        lr_live_catch_signals(bench.live, &error) != LR_OK) {
        bench_die("%s", error.text);
    }
    bool was_busy = is_busy();
    bench_measure_all(&bench);
    bench_measure_sim(&bench);
    bench_print_table(&bench);
    if (was_busy) {
        (void)printf("note: other programs kept this machine busy; its numbers may mislead\n");
    }
    bool reached = bench_check_targets(&bench);
    lr_live_free(bench.live);
    if (!bench_write_json(&bench, json)) {
        bench_die("cannot write %s", json);
    }
    return reached ? 0 : 1;
}
