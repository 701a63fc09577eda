/* SPDX-FileCopyrightText: The mlperf-ssd authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The engine as C sees it: 16 functions, the only public header.
 *
 * Conventions
 *  1. Handles are opaque.
 *  2. Every call that can fail returns a status and fills the caller's ssd_error (may be NULL). On
 *     SSD_OK the error is left untouched.
 *  3. Nothing allocated here is freed there: strings are static or copied into the caller's
 *     buffers.
 *  4. No C++ exception and no exit() crosses this line.
 *  5. Any thread may call. Calls on one handle must not overlap, except poll (one poller) and abort
 *     (anyone, any time). destroy only when nothing else runs.
 *  6. Load the library once, never unload it.
 *  7. Configuration, requests and reports are protobuf bytes: proto/engine.proto.
 *  8. After SSD_DEVICE or SSD_COMM the handle is dead: destroy it and exit.
 */
#ifndef SSD_ENGINE_H
#define SSD_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SSD_ABI_VERSION 2u /* changes when any line below changes meaning */

typedef struct ssd_engine ssd_engine;
typedef int32_t ssd_status; /* fixed width, unlike an enum */

/* Statuses; append only. */
enum {
  SSD_OK,
  SSD_INVALID,     /* configuration, argument or weights are wrong */
  SSD_UNAVAILABLE, /* this build or machine cannot do it */
  SSD_DATA,        /* an input file is missing, unreadable or wrong */
  SSD_DEVICE,      /* the device failed */
  SSD_COMM,        /* a peer or the network failed */
  SSD_DIVERGED,    /* the loss is not finite */
  SSD_ABORTED,     /* ssd_engine_abort was called */
  SSD_INTERNAL     /* a bug */
};

typedef struct ssd_error {
  ssd_status status;
  char message[508]; /* UTF-8, NUL-terminated, cut at a character if too long */
} ssd_error;

/* Event kinds; append only. Of a full ring LOG, LEARNING_RATE, STEP and PROGRESS are dropped (and
 * DROPPED tells how many), the others never. WHERE is made by poll, at most one, when it has
 * changed. */
enum {
  SSD_EVENT_LOG = 1,       /* text; level: 0 debug, 1 info, 2 warning, 3 error */
  SSD_EVENT_TENSOR_INIT,   /* text: tensor name, one of the 119 */
  SSD_EVENT_STEP,          /* value: mean loss since the last one */
  SSD_EVENT_EVAL_BEGIN,    /* inference starts */
  SSD_EVENT_EVAL_END,      /* value: box AP 0..1, of the oldest evaluation still open */
  SSD_EVENT_DROPPED,       /* value: events lost since the last poll */
  SSD_EVENT_LEARNING_RATE, /* value: rate of the step that the next STEP ends with */
  SSD_EVENT_EVAL_FAILED,   /* text: why the oldest evaluation still open has no score */
  SSD_EVENT_PROGRESS,      /* a step is done of which no STEP tells */
  SSD_EVENT_WHERE,         /* text: what this rank is doing; value: collectives that it has begun,
                              the same ones on all ranks; level: 1 if it waits in the last of them */
  SSD_EVENT_SKIPPED /* value: bad images that all ranks together have skipped in a call of train or
                       evaluate, if there were any; text: "train" or "val" */
};

typedef struct ssd_event { /* plain data, 160 bytes */
  int64_t unix_ns;         /* when it happened, not when it was polled */
  int64_t step;            /* optimiser steps done since the first epoch began */
  double value;            /* see kind */
  uint32_t kind, level;
  char text[128]; /* NUL-terminated */
} ssd_event;

uint32_t ssd_abi_version(void);   /* the loader calls this first */
const char* ssd_build_info(void); /* one line: backends, library versions, commit; static */

/* Parses the EngineConfig bytes (copied) and starts the engine's thread. Opens no file. */
ssd_status ssd_engine_create(ssd_engine** out, const void* config, size_t len, ssd_error* err);

/* Several ranks meet: each asks for its address (bytes that only the engine reads; some ranks may
 * have none), the caller carries all to all, and every rank connects, which blocks until all have.
 * Before prepare. One rank needs neither. SSD_INVALID if cap is too small (64 KiB + 256 bytes a
 * rank is always enough). */
ssd_status ssd_engine_address(ssd_engine* e, int32_t rank, int32_t world, void* out, size_t cap,
                              size_t* len, ssd_error* err);
/* ConnectRequest bytes. */
ssd_status ssd_engine_connect(ssd_engine* e, const void* request, size_t len, ssd_error* err);

/* Plans the network, warms up on made-up input, then initialises the weights (119 TENSOR_INIT
 * events) and loads backbone or checkpoint (from the same files on every rank). Never opens the
 * data set. prepare, train and evaluate are calls that all ranks make, in the same order with the
 * same arguments. */
ssd_status ssd_engine_prepare(ssd_engine* e, ssd_error* err);

/* Trains `steps` iterations of `epoch` (from 1) and blocks until they are done. A new epoch starts
 * at its iteration 1, the same epoch goes on where it was. The first call opens the data. */
ssd_status ssd_engine_train(ssd_engine* e, int64_t epoch, int64_t steps, ssd_error* err);

/* Infers the evaluation images and returns; scoring goes on beside what follows, on rank 0 alone:
 * only there EVAL_END or EVAL_FAILED comes. */
ssd_status ssd_engine_evaluate(ssd_engine* e, ssd_error* err);

/* Writes a checkpoint (safetensors) atomically: weights, running statistics, momentum, position.
 * One rank is enough: all have the same. */
ssd_status ssd_engine_save(ssd_engine* e, const char* path, ssd_error* err);

/* InspectRequest: one inspected step or one prepared sample, written as safetensors. After create;
 * needs no prepare. */
ssd_status ssd_engine_inspect(ssd_engine* e, const void* request, size_t len, ssd_error* err);

/* BenchRequest in, BenchReport bytes out: *report_len bytes are copied to report; SSD_INVALID if
 * cap is too small (64 KiB is always enough). After create; needs no prepare. */
ssd_status ssd_engine_bench(ssd_engine* e, const void* request, size_t len, void* report,
                            size_t cap, size_t* report_len, ssd_error* err);

/* ScoreRequest in, ScoreReport out. Needs no engine. */
ssd_status ssd_score(const void* request, size_t len, void* report, size_t cap, size_t* report_len,
                     ssd_error* err);

/* VerifyRequest in, VerifyReport out: a data set, every image decoded. Needs no engine. Blocks for
 * minutes on a large one. */
ssd_status ssd_verify(const void* request, size_t len, void* report, size_t cap, size_t* report_len,
                      ssd_error* err);

/* Copies up to cap events in order; waits up to timeout_ms for the first. 0 = timeout. */
size_t ssd_engine_poll(ssd_engine* e, ssd_event* out, size_t cap, int32_t timeout_ms);

/* Makes a blocked call, and every later one but poll and destroy, return SSD_ABORTED. */
void ssd_engine_abort(ssd_engine* e);

/* Waits for the engine's thread. NULL is fine. */
void ssd_engine_destroy(ssd_engine* e);

#ifdef __cplusplus
}
#endif
#endif
