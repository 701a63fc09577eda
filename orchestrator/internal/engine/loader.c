/* SPDX-FileCopyrightText: The mlperf-ssd authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "loader.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* A data pointer into a function pointer, as POSIX blesses it. */
static int find(void* library, const char* name, void* slot, char* message, size_t size) {
  void* symbol = dlsym(library, name);
  if (symbol == NULL) {
    snprintf(message, size, "has no function %s", name);
    return 1;
  }
  memcpy(slot, &symbol, sizeof symbol);
  return 0;
}

int loader_open(const char* path, loader_api* api, uint32_t* version, char* message, size_t size) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    const char* why = dlerror();
    snprintf(message, size, "%s", why != NULL ? why : "unknown error");
    return 1;
  }
  if (find(library, "ssd_abi_version", &api->abi_version, message, size)) return 1;
  *version = api->abi_version();
  if (*version != SSD_ABI_VERSION) return 2;
  return find(library, "ssd_build_info", &api->build_info, message, size) ||
         find(library, "ssd_engine_create", &api->create, message, size) ||
         find(library, "ssd_engine_address", &api->address, message, size) ||
         find(library, "ssd_engine_connect", &api->connect, message, size) ||
         find(library, "ssd_engine_prepare", &api->prepare, message, size) ||
         find(library, "ssd_engine_train", &api->train, message, size) ||
         find(library, "ssd_engine_evaluate", &api->evaluate, message, size) ||
         find(library, "ssd_engine_save", &api->save, message, size) ||
         find(library, "ssd_engine_inspect", &api->inspect, message, size) ||
         find(library, "ssd_engine_bench", &api->bench, message, size) ||
         find(library, "ssd_score", &api->score, message, size) ||
         find(library, "ssd_verify", &api->verify, message, size) ||
         find(library, "ssd_engine_poll", &api->poll, message, size) ||
         find(library, "ssd_engine_abort", &api->abort, message, size) ||
         find(library, "ssd_engine_destroy", &api->destroy, message, size);
}

const char* loader_build_info(const loader_api* api) { return api->build_info(); }

ssd_status loader_create(const loader_api* api, ssd_engine** out, const void* config, size_t len,
                         ssd_error* err) {
  return api->create(out, config, len, err);
}

ssd_status loader_address(const loader_api* api, ssd_engine* e, int32_t rank, int32_t world,
                          void* out, size_t cap, size_t* len, ssd_error* err) {
  return api->address(e, rank, world, out, cap, len, err);
}

ssd_status loader_connect(const loader_api* api, ssd_engine* e, const void* request, size_t len,
                          ssd_error* err) {
  return api->connect(e, request, len, err);
}

ssd_status loader_prepare(const loader_api* api, ssd_engine* e, ssd_error* err) {
  return api->prepare(e, err);
}

ssd_status loader_train(const loader_api* api, ssd_engine* e, int64_t epoch, int64_t steps,
                        ssd_error* err) {
  return api->train(e, epoch, steps, err);
}

ssd_status loader_evaluate(const loader_api* api, ssd_engine* e, ssd_error* err) {
  return api->evaluate(e, err);
}

ssd_status loader_save(const loader_api* api, ssd_engine* e, const char* path, ssd_error* err) {
  return api->save(e, path, err);
}

ssd_status loader_inspect(const loader_api* api, ssd_engine* e, const void* request, size_t len,
                          ssd_error* err) {
  return api->inspect(e, request, len, err);
}

ssd_status loader_bench(const loader_api* api, ssd_engine* e, const void* request, size_t len,
                        void* report, size_t cap, size_t* report_len, ssd_error* err) {
  return api->bench(e, request, len, report, cap, report_len, err);
}

ssd_status loader_score(const loader_api* api, const void* request, size_t len, void* report,
                        size_t cap, size_t* report_len, ssd_error* err) {
  return api->score(request, len, report, cap, report_len, err);
}

ssd_status loader_verify(const loader_api* api, const void* request, size_t len, void* report,
                         size_t cap, size_t* report_len, ssd_error* err) {
  return api->verify(request, len, report, cap, report_len, err);
}

size_t loader_poll(const loader_api* api, ssd_engine* e, ssd_event* out, size_t cap,
                   int32_t timeout_ms) {
  return api->poll(e, out, cap, timeout_ms);
}

void loader_abort(const loader_api* api, ssd_engine* e) { api->abort(e); }

void loader_destroy(const loader_api* api, ssd_engine* e) { api->destroy(e); }
