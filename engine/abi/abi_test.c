/* SPDX-FileCopyrightText: The mlperf-ssd authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The header used from C99, against the fake engine: create, prepare, train, poll, abort, errors.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "abi/ssd_engine.h"

static int failures = 0;

#define CHECK(condition)                                             \
  do {                                                               \
    if (!(condition)) {                                              \
      printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                    \
    }                                                                \
  } while (0)

/* EngineConfig { model { batch_size: 8 } log_interval: 1 } in protobuf's wire format. */
static const unsigned char kConfig[] = {0x1a, 0x02, 0x10, 0x08, 0x38, 0x01};
/* The same with model.backbone = "fake:hang-train=1". */
static const unsigned char kHanging[] = {0x1a, 0x15, 0x10, 0x08, 0x22, 0x11, 'f', 'a', 'k',
                                         'e',  ':',  'h',  'a',  'n',  'g',  '-', 't', 'r',
                                         'a',  'i',  'n',  '=',  '1',  0x38, 0x01};

static void TestVersion(void) {
  CHECK(ssd_abi_version() == SSD_ABI_VERSION);
  CHECK(strlen(ssd_build_info()) > 0);
  CHECK(sizeof(ssd_event) == 160);
  CHECK(sizeof(ssd_error) == 512);
}

static void TestRun(void) {
  ssd_engine* engine = NULL;
  ssd_error error;
  ssd_event events[256];
  size_t n, i, tensors = 0, steps = 0;
  memset(&error, 0, sizeof error);
  CHECK(ssd_engine_create(&engine, kConfig, sizeof kConfig, &error) == SSD_OK);
  CHECK(engine != NULL);
  CHECK(ssd_engine_prepare(engine, &error) == SSD_OK);
  CHECK(ssd_engine_train(engine, 1, 3, &error) == SSD_OK);
  CHECK(ssd_engine_evaluate(engine, &error) == SSD_OK);
  n = ssd_engine_poll(engine, events, 256, 0);
  for (i = 0; i < n; ++i) {
    tensors += events[i].kind == SSD_EVENT_TENSOR_INIT;
    steps += events[i].kind == SSD_EVENT_STEP;
    CHECK(events[i].unix_ns > 0);
  }
  CHECK(tensors == 119);
  CHECK(steps == 3);
  CHECK(events[n - 2].kind == SSD_EVENT_EVAL_END && events[n - 2].value == 0.1);
  /* Three steps and a gather. */
  CHECK(events[n - 1].kind == SSD_EVENT_WHERE && events[n - 1].value == 4);
  CHECK(strcmp(events[n - 1].text, "inferring") == 0 && events[n - 1].level == 0);
  CHECK(ssd_engine_poll(engine, events, 256, 1) == 0);
  ssd_engine_destroy(engine);
}

static void TestConnect(void) {
  /* ConnectRequest with the addresses of two fake ranks, and with them in the wrong order. */
  static const char kRight[] =
      "\x0a\x10"
      "fake rank 0 of 2"
      "\x0a\x10"
      "fake rank 1 of 2";
  static const char kSwapped[] =
      "\x0a\x10"
      "fake rank 1 of 2"
      "\x0a\x10"
      "fake rank 0 of 2";
  ssd_engine* engine = NULL;
  ssd_error error;
  char address[256];
  size_t len = 0;
  CHECK(ssd_engine_create(&engine, kConfig, sizeof kConfig, &error) == SSD_OK);
  CHECK(ssd_engine_address(engine, 2, 2, address, sizeof address, &len, &error) == SSD_INVALID);
  CHECK(strstr(error.message, "rank 2 of 2") != NULL);
  CHECK(ssd_engine_address(engine, -1, 2, address, sizeof address, &len, NULL) == SSD_INVALID);
  CHECK(ssd_engine_address(engine, 1, 2, address, 3, &len, NULL) == SSD_INVALID); /* too small */
  CHECK(ssd_engine_address(engine, 1, 2, address, sizeof address, &len, &error) == SSD_OK);
  CHECK(len == 16 && memcmp(address, "fake rank 1 of 2", 16) == 0);
  CHECK(ssd_engine_connect(engine, "\xff", 1, &error) == SSD_INVALID);
  CHECK(strstr(error.message, "ConnectRequest") != NULL);
  CHECK(ssd_engine_connect(engine, kSwapped, sizeof kSwapped - 1, NULL) == SSD_INVALID);
  CHECK(ssd_engine_connect(engine, kRight, 18, NULL) == SSD_INVALID); /* one of two */
  CHECK(ssd_engine_connect(engine, kRight, sizeof kRight - 1, &error) == SSD_OK);
  ssd_engine_destroy(engine);
}

static void TestErrors(void) {
  ssd_engine* engine = (ssd_engine*)&engine;
  ssd_error error;
  char report[16];
  size_t len = 0;
  CHECK(ssd_engine_create(&engine, "\xff", 1, &error) == SSD_INVALID);
  CHECK(engine == NULL && error.status == SSD_INVALID);
  CHECK(strstr(error.message, "EngineConfig") != NULL);
  CHECK(ssd_engine_create(&engine, "", 0, &error) == SSD_INVALID); /* batch_size 0 */
  CHECK(strstr(error.message, "batch_size") != NULL);
  CHECK(ssd_engine_create(&engine, "", 0, NULL) == SSD_INVALID);
  CHECK(ssd_engine_create(NULL, "", 0, &error) == SSD_INVALID);
  CHECK(ssd_engine_train(NULL, 1, 1, &error) == SSD_INVALID);
  CHECK(ssd_engine_poll(NULL, NULL, 0, 0) == 0);
  CHECK(ssd_score("", 0, report, 2, &len, &error) == SSD_INVALID); /* too small */
  CHECK(ssd_score("", 0, report, sizeof report, &len, &error) == SSD_OK && len == 10);
  CHECK(ssd_verify("\xff", 1, report, sizeof report, &len, &error) == SSD_INVALID);
  CHECK(strstr(error.message, "VerifyRequest") != NULL);
  CHECK(ssd_verify("", 0, report, 1, &len, &error) == SSD_INVALID); /* too small */
  CHECK(ssd_verify("", 0, report, sizeof report, &len, &error) == SSD_OK && len == 2);
  ssd_engine_abort(NULL);
  ssd_engine_destroy(NULL);
}

/* Step 1 hangs, so the train call is blocked, or about to begin, when the abort comes. */
static void* TrainUntilAborted(void* engine) {
  static ssd_status status;
  status = ssd_engine_train((ssd_engine*)engine, 1, 2, NULL);
  return &status;
}

static void TestAbort(void) {
  ssd_engine* engine = NULL;
  ssd_error error;
  pthread_t thread;
  void* status = NULL;
  CHECK(ssd_engine_create(&engine, kHanging, sizeof kHanging, &error) == SSD_OK);
  CHECK(pthread_create(&thread, NULL, TrainUntilAborted, engine) == 0);
  ssd_engine_abort(engine);
  CHECK(pthread_join(thread, &status) == 0);
  CHECK(*(ssd_status*)status == SSD_ABORTED);
  CHECK(ssd_engine_prepare(engine, &error) == SSD_ABORTED);
  CHECK(error.status == SSD_ABORTED && strlen(error.message) > 0);
  CHECK(ssd_engine_connect(engine, "", 0, NULL) == SSD_ABORTED);
  CHECK(ssd_engine_evaluate(engine, NULL) == SSD_ABORTED);
  CHECK(ssd_engine_save(engine, "never-written.safetensors", NULL) == SSD_ABORTED);
  CHECK(ssd_engine_inspect(engine, "", 0, NULL) == SSD_ABORTED);
  ssd_engine_destroy(engine);
}

int main(void) {
  TestVersion();
  TestRun();
  TestConnect();
  TestErrors();
  TestAbort();
  printf("%d passed, %d failed\n", failures == 0 ? 5 : 0, failures);
  return failures != 0;
}
