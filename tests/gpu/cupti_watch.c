/* Counts what a thread asks of CUDA between watch_begin() and watch_end(): calls that wait, calls
 * that take or give back memory, calls on the legacy default stream, and launches. Subscribes to
 * the callbacks of the runtime and of the driver, so that neither a statically linked runtime nor a
 * call straight to the driver goes unseen. Built and loaded by watched_calls.py. */

#include <cupti.h>
#include <stdio.h>
#include <string.h>

struct watch_counts {
  unsigned waits;
  unsigned allocations;
  unsigned legacy_stream;
  unsigned launches;
  unsigned calls;
  /* The names of what was counted first, each ended by a space; launches are not named. */
  char names[1024];
};

static CUpti_SubscriberHandle subscriber;
static __thread int watching;
static __thread struct watch_counts counts;
static __thread unsigned runtime_launches;

static int begins(const char* name, const char* with) {
  return strncmp(name, with, strlen(with)) == 0;
}

static int is_wait(const char* name) {
  if (strstr(name, "Synchronize") != NULL) return 1;
  /* Copies and fills that are not "Async" wait, or go to the legacy stream, or both. */
  if ((begins(name, "cudaMemcpy") || begins(name, "cuMemcpy") || begins(name, "cudaMemset") ||
       begins(name, "cuMemset")) &&
      strstr(name, "Async") == NULL && strstr(name, "BatchAsync") == NULL) {
    return 1;
  }
  /* Loading code synchronises the context unless it is lazy, and must be done before. */
  return begins(name, "cuModuleLoad") || begins(name, "cuLibraryLoad") ||
         begins(name, "cuModuleUnload") || begins(name, "cuLibraryUnload");
}

static int is_allocation(const char* name) {
  static const char* const starts[] = {
      "cudaMalloc",         "cudaFree",
      "cudaHostAlloc",      "cudaHostRegister",
      "cudaHostUnregister", "cuMemAlloc",
      "cuMemFree",          "cuMemHostAlloc",
      "cuMemHostRegister",  "cuMemHostUnregister",
      "cuMemCreate",        "cuMemRelease",
      "cuMemMap",           "cuMemUnmap",
      "cuMemAddress",       "cudaStreamCreate",
      "cuStreamCreate",     "cudaEventCreate",
      "cuEventCreate",      "cudaStreamDestroy",
      "cuStreamDestroy",    "cudaEventDestroy",
      "cuEventDestroy",
  };
  for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); ++i) {
    if (begins(name, starts[i])) return 1;
  }
  return 0;
}

/* Whether a driver call without "_ptsz" or "_ptds" names the legacy stream, as 0 or by its handle.
 */
static int is_legacy(CUstream stream) { return stream == NULL || stream == CU_STREAM_LEGACY; }

static int uses_legacy(CUpti_CallbackId id, const void* params) {
#define STREAM(call, field)            \
  case CUPTI_DRIVER_TRACE_CBID_##call: \
    return is_legacy(((const call##_params*)params)->field)
  switch (id) {
    STREAM(cuLaunchKernel, hStream);
    STREAM(cuLaunchCooperativeKernel, hStream);
    STREAM(cuMemcpyAsync, hStream);
    STREAM(cuMemcpyHtoDAsync_v2, hStream);
    STREAM(cuMemcpyDtoHAsync_v2, hStream);
    STREAM(cuMemcpyDtoDAsync_v2, hStream);
    STREAM(cuMemsetD8Async, hStream);
    STREAM(cuMemsetD16Async, hStream);
    STREAM(cuMemsetD32Async, hStream);
    STREAM(cuStreamWaitEvent, hStream);
    STREAM(cuEventRecord, hStream);
    STREAM(cuGraphLaunch, hStream);
    case CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx: {
      const cuLaunchKernelEx_params* p = (const cuLaunchKernelEx_params*)params;
      return p->config != NULL && is_legacy(p->config->hStream);
    }
    default:
      return 0;
  }
#undef STREAM
}

static void name_it(const char* name) {
  const size_t used = strlen(counts.names);
  if (used + strlen(name) + 2 < sizeof(counts.names)) {
    snprintf(counts.names + used, sizeof(counts.names) - used, "%s ", name);
  }
}

static void CUPTIAPI on_call(void* data, CUpti_CallbackDomain domain, CUpti_CallbackId id,
                             const void* given) {
  (void)data;
  if (!watching) return;
  const CUpti_CallbackData* call = (const CUpti_CallbackData*)given;
  if (call->callbackSite != CUPTI_API_ENTER) return;
  const char* name = call->functionName;
  const int driver = domain == CUPTI_CB_DOMAIN_DRIVER_API;
  ++counts.calls;
  if (is_wait(name)) {
    ++counts.waits;
    name_it(name);
  }
  if (is_allocation(name)) {
    ++counts.allocations;
    name_it(name);
  }
  if (driver && uses_legacy(id, call->functionParams)) {
    ++counts.legacy_stream;
    name_it(name);
  }
  /* The runtime's launches go through the driver, where both would be seen. */
  if (driver && begins(name, "cuLaunch")) ++counts.launches;
  if (!driver && begins(name, "cudaLaunch")) ++runtime_launches;
}

/* Each returns 0, or what CUPTI says went wrong. */
int watch_start(void) {
  CUptiResult result = cuptiSubscribe(&subscriber, (CUpti_CallbackFunc)on_call, NULL);
  if (result == CUPTI_SUCCESS) {
    result = cuptiEnableDomain(1, subscriber, CUPTI_CB_DOMAIN_RUNTIME_API);
  }
  if (result == CUPTI_SUCCESS) {
    result = cuptiEnableDomain(1, subscriber, CUPTI_CB_DOMAIN_DRIVER_API);
  }
  return (int)result;
}

int watch_stop(void) { return (int)cuptiUnsubscribe(subscriber); }

void watch_begin(void) {
  memset(&counts, 0, sizeof(counts));
  runtime_launches = 0;
  watching = 1;
}

void watch_end(struct watch_counts* into) {
  watching = 0;
  if (runtime_launches > counts.launches) counts.launches = runtime_launches;
  *into = counts;
}
