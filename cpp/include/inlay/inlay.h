#ifndef INLAY_INLAY_H
#define INLAY_INLAY_H

/*
 * The C interface: what a plugin in any language needs to record into the observer that runs in its
 * process, and to collect one of its own. Every function may be called from any thread.
 *
 * A function that can fail returns INLAY_OK or a code below; inlay_last_error() then tells why, in
 * the thread that called. Structures begin with their size, so that they can grow.
 */

#include <inlay/version.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ArrowArrayStream; /* of Arrow's C stream interface, see inlay/arrow/c_data.hpp */

enum {
  INLAY_OK = 0,
  INLAY_INVALID_ARGUMENT = 1,
  INLAY_OUT_OF_MEMORY = 2,
  INLAY_ERROR = 3 /* anything else, a stopped observer for instance */
};

enum { INLAY_COUNTER = 0, INLAY_GAUGE = 1, INLAY_HISTOGRAM = 2 };

/* Why the last call of this thread failed; never null, valid until its next failing call. */
INLAY_API const char* inlay_last_error(void);

typedef struct inlay_observer inlay_observer;
typedef struct inlay_series inlay_series;

/* Zero-initialise, set struct_size, then what should differ from the defaults. */
typedef struct inlay_observer_options {
  size_t struct_size;
  const char* service_name; /* part of every series_id; null is "" */
  const char* resource;     /* canonical JSON; null is "{}" */
  int64_t window_us;        /* 0 is 10 seconds */
  uint32_t max_series;      /* per metric; 0 is 2000 */
} inlay_observer_options;

/* Makes an observer; `options` may be null. */
INLAY_API int inlay_observer_new(const inlay_observer_options* options, inlay_observer** out);

/* The observer this process installed, from whatever language; null when there is none. */
INLAY_API inlay_observer* inlay_observer_installed(void);

/* Makes this the one that inlay_observer_installed finds. */
INLAY_API int inlay_observer_install(inlay_observer* observer);

/* Lets the handle go; the observer lives on while series or other handles refer to it. */
INLAY_API void inlay_observer_free(inlay_observer* observer);

/* Start and stop the timer that turns windows. */
INLAY_API int inlay_observer_start(inlay_observer* observer);
INLAY_API int inlay_observer_stop(inlay_observer* observer);

/* Cuts the window now and hands out its points table; the caller releases the stream. */
INLAY_API int inlay_observer_turn(inlay_observer* observer, struct ArrowArrayStream* points);

typedef struct inlay_instrument {
  size_t struct_size;
  int kind; /* INLAY_COUNTER, INLAY_GAUGE or INLAY_HISTOGRAM */
  const char* name;
  const char* unit;        /* UCUM; null is "" */
  const char* description; /* null is "" */
  const char* layer;       /* null is "app" */
  const char* const* attribute_keys;
  const char* const* attribute_values; /* UTF-8, as many as keys */
  size_t num_attributes;
} inlay_instrument;

/* Finds or makes the instrument and the series of these attribute values. */
INLAY_API int inlay_series_new(inlay_observer* observer, const inlay_instrument* instrument,
                               inlay_series** out);
INLAY_API void inlay_series_free(inlay_series* series);

/* Record. A series of another kind, or a negative amount for a counter, is INLAY_INVALID_ARGUMENT.
 */
INLAY_API int inlay_counter_add_i64(const inlay_series* series, int64_t amount);
INLAY_API int inlay_counter_add_f64(const inlay_series* series, double amount);
INLAY_API int inlay_gauge_set(const inlay_series* series, double value);
INLAY_API int inlay_gauge_add(const inlay_series* series, double amount);
INLAY_API int inlay_histogram_record(const inlay_series* series, double value);
INLAY_API int inlay_histogram_record_f64s(const inlay_series* series, const double* values,
                                          size_t count);
INLAY_API int inlay_histogram_record_f32s(const inlay_series* series, const float* values,
                                          size_t count);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* INLAY_INLAY_H */
