/* A plugin in C that knows nothing of Python: it records into the observer this process installed,
 * whoever did. Returns 0, or why not. */

#include <inlay/inlay.h>
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int plugin_count(long long amount) {
  inlay_observer* observer = inlay_observer_installed();
  if (observer == NULL) return -1;
  const inlay_instrument instrument = {
      .struct_size = sizeof(inlay_instrument), .kind = INLAY_COUNTER, .name = "shared.calls"};
  inlay_series* series = NULL;
  int status = inlay_series_new(observer, &instrument, &series);
  if (status == INLAY_OK) {
    status = inlay_counter_add_i64(series, amount);
    inlay_series_free(series);
  }
  inlay_observer_free(observer);
  return status;
}

EXPORT const char* plugin_why(void) { return inlay_last_error(); }
