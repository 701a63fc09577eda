// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// A libnvidia-ml.so.1 for tests: two made-up GPUs, or one of the faults that real ones have.
// -DNO_INIT lacks nvmlInit, -DINIT_CODE=n fails with n and aborts at any later call, -DCRASH and
// -DHANG do so in Init, -DOLD lacks the functions of newer drivers.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef INIT_CODE
#define INIT_CODE 0
#endif

typedef struct {
  char bus_id_legacy[16];
  unsigned domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
} PciInfo;

typedef struct {
  unsigned long long total, free, used;
} Memory;

static int After(void) {
  if (INIT_CODE != 0) abort();
  return 0;
}

#ifndef NO_INIT
int nvmlInit_v2(void) {
#ifdef CRASH
  raise(SIGSEGV);
#endif
#ifdef HANG
  for (;;) pause();
#endif
  return INIT_CODE;
}
#endif

int nvmlShutdown(void) { return After(); }

const char* nvmlErrorString(int code) {
  After();
  return code ? "bad" : "good";
}

int nvmlSystemGetDriverVersion(char* out, unsigned length) {
  snprintf(out, length, "580.0.1");
  return After();
}

int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return After();
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  static int devices[2];
  *device = &devices[index];
  devices[index] = (int)index;
  return After();
}

int nvmlDeviceGetName(int* device, char* out, unsigned length) {
  snprintf(out, length, "Stub %d", *device);
  return After();
}

int nvmlDeviceGetUUID(int* device, char* out, unsigned length) {
  snprintf(out, length, "GPU-stub-%d", *device);
  return After();
}

int nvmlDeviceGetMemoryInfo(int* device, Memory* memory) {
  (void)device;
  memory->total = 80ull << 30;
  return After();
}

int nvmlDeviceGetPciInfo_v3(int* device, PciInfo* info) {
  memset(info, 0, sizeof *info);
  snprintf(info->bus_id, sizeof info->bus_id, "00000000:%02X:00.0", *device * 16 + 1);
  return After();
}

#ifndef OLD
int nvmlSystemGetCudaDriverVersion(int* version) {
  *version = 13000;
  return After();
}

int nvmlDeviceGetPowerManagementLimit(int* device, unsigned* milliwatts) {
  (void)device;
  *milliwatts = 250000;
  return After();
}

int nvmlDeviceGetMaxClockInfo(int* device, int clock, unsigned* mhz) {
  (void)device;
  *mhz = clock == 1 ? 1410 : 0;
  return After();
}

int nvmlDeviceGetMaxPcieLinkGeneration(int* device, unsigned* generation) {
  (void)device;
  *generation = 4;
  return After();
}

int nvmlDeviceGetMaxPcieLinkWidth(int* device, unsigned* width) {
  (void)device;
  *width = 16;
  return After();
}
#endif
