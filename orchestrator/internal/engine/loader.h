/* SPDX-FileCopyrightText: The mlperf-ssd authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The engine's functions found at run time, and calls through them that cgo can make.
 */
#ifndef LOADER_H
#define LOADER_H

#include "../../../engine/abi/ssd_engine.h"

typedef struct loader_api {
  uint32_t (*abi_version)(void);
  const char* (*build_info)(void);
  ssd_status (*create)(ssd_engine**, const void*, size_t, ssd_error*);
  ssd_status (*address)(ssd_engine*, int32_t, int32_t, void*, size_t, size_t*, ssd_error*);
  ssd_status (*connect)(ssd_engine*, const void*, size_t, ssd_error*);
  ssd_status (*prepare)(ssd_engine*, ssd_error*);
  ssd_status (*train)(ssd_engine*, int64_t, int64_t, ssd_error*);
  ssd_status (*evaluate)(ssd_engine*, ssd_error*);
  ssd_status (*save)(ssd_engine*, const char*, ssd_error*);
  ssd_status (*inspect)(ssd_engine*, const void*, size_t, ssd_error*);
  ssd_status (*bench)(ssd_engine*, const void*, size_t, void*, size_t, size_t*, ssd_error*);
  ssd_status (*score)(const void*, size_t, void*, size_t, size_t*, ssd_error*);
  ssd_status (*verify)(const void*, size_t, void*, size_t, size_t*, ssd_error*);
  size_t (*poll)(ssd_engine*, ssd_event*, size_t, int32_t);
  void (*abort)(ssd_engine*);
  void (*destroy)(ssd_engine*);
} loader_api;

/* Opens the library and fills api. Returns 0; 1 if it cannot be opened or lacks a function (why in
 * message), 2 if it has another ABI (*version is its). The ABI is asked before anything else. */
int loader_open(const char* path, loader_api* api, uint32_t* version, char* message, size_t size);

const char* loader_build_info(const loader_api* api);
ssd_status loader_create(const loader_api* api, ssd_engine** out, const void* config, size_t len,
                         ssd_error* err);
ssd_status loader_address(const loader_api* api, ssd_engine* e, int32_t rank, int32_t world,
                          void* out, size_t cap, size_t* len, ssd_error* err);
ssd_status loader_connect(const loader_api* api, ssd_engine* e, const void* request, size_t len,
                          ssd_error* err);
ssd_status loader_prepare(const loader_api* api, ssd_engine* e, ssd_error* err);
ssd_status loader_train(const loader_api* api, ssd_engine* e, int64_t epoch, int64_t steps,
                        ssd_error* err);
ssd_status loader_evaluate(const loader_api* api, ssd_engine* e, ssd_error* err);
ssd_status loader_save(const loader_api* api, ssd_engine* e, const char* path, ssd_error* err);
ssd_status loader_inspect(const loader_api* api, ssd_engine* e, const void* request, size_t len,
                          ssd_error* err);
ssd_status loader_bench(const loader_api* api, ssd_engine* e, const void* request, size_t len,
                        void* report, size_t cap, size_t* report_len, ssd_error* err);
ssd_status loader_score(const loader_api* api, const void* request, size_t len, void* report,
                        size_t cap, size_t* report_len, ssd_error* err);
ssd_status loader_verify(const loader_api* api, const void* request, size_t len, void* report,
                         size_t cap, size_t* report_len, ssd_error* err);
size_t loader_poll(const loader_api* api, ssd_engine* e, ssd_event* out, size_t cap,
                   int32_t timeout_ms);
void loader_abort(const loader_api* api, ssd_engine* e);
void loader_destroy(const loader_api* api, ssd_engine* e);

#endif
