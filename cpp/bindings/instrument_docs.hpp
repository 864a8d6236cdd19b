#pragma once

// Docstrings of the types that are written by hand; their text signatures start with $self.

namespace inlay::python::docs {

constexpr char kCounter[] =
    R"(A monotone count; its rows hold what was added in their window. Thread-safe.

Made by `Observer.counter`. `add` takes the attributes by name; `bind` resolves them once.)";

constexpr char kBoundCounter[] =
    R"(One series of a counter. `add` is safe from any thread and takes no lock.)";

constexpr char kGauge[] =
    R"(A value that is what it is now; its rows hold the last, smallest and largest of their window.

Made by `Observer.gauge`. Thread-safe.)";

constexpr char kBoundGauge[] =
    R"(One series of a gauge, a single cell that all threads share. Thread-safe.)";

constexpr char kHistogram[] =
    R"(A distribution; its rows hold a base-2 exponential histogram and the moments of their window.

Made by `Observer.histogram`. Thread-safe.)";

constexpr char kBoundHistogram[] =
    R"(One series of a histogram. A record goes to the calling thread's own log. Thread-safe.)";

constexpr char kTimer[] =
    R"(Measures a `with` block, or as a decorator each call of a function, in seconds.

As a decorator it takes functions, coroutine functions and generator functions.)";

constexpr char kBind[] =
    R"(bind($self, /, **attributes)
--

Resolve attribute values once.

Parameters
----------
**attributes : str, int or bool
    A value for every attribute key; int and bool by `str`.

Returns
-------
BoundCounter, BoundGauge or BoundHistogram
    Keeps its series: it does not expire while the handle lives.

Raises
------
TypeError
    An attribute is unknown, missing, or of another class.
ValueError
    A value is not valid Unicode.)";

constexpr char kAttach[] =
    R"(attach($self, core, /)
--

Let a detached instrument, and the series bound from it, record into an observer.

Raises
------
ValueError
    It is attached to another observer, or the observer has another instrument of this name.)";

constexpr char kDetached[] =
    R"(detached(name, unit, description, attributes, layer, scale=5, quantiles=False,
         cardinality=False, /)
--

Make an instrument without an observer: records are no-ops until `attach`.)";

constexpr char kCounterAdd[] =
    R"(add($self, amount, /, **attributes)
--

Add to the series of these attributes.

Parameters
----------
amount : int or float
    Not negative. NaN and infinities are counted as dropped.
**attributes : str, int or bool
    A value for every attribute key.

Raises
------
ValueError
    The amount is negative.
TypeError
    The amount is no number, or an attribute is unknown, missing, or of another class.)";

constexpr char kBoundCounterAdd[] =
    R"(add($self, amount, /)
--

Add.

Parameters
----------
amount : int or float
    Not negative. NaN and infinities are counted as dropped.

Raises
------
ValueError
    The amount is negative.
TypeError
    The amount is no number.)";

constexpr char kGaugeSet[] =
    R"(set($self, value, /, **attributes)
--

Replace the value of the series of these attributes.

Parameters
----------
value : float
    NaN and infinities are counted apart and leave the value as it was.
**attributes : str, int or bool
    A value for every attribute key.

Raises
------
TypeError
    The value is no number, or an attribute is unknown, missing, or of another class.)";

constexpr char kGaugeAdd[] =
    R"(add($self, amount, /, **attributes)
--

Add to the value of the series of these attributes, 0 where none was set; may be negative.

Raises
------
TypeError
    The amount is no number, or an attribute is unknown, missing, or of another class.)";

constexpr char kBoundGaugeSet[] =
    R"(set($self, value, /)
--

Replace the value. NaN and infinities are counted apart and leave it as it was.

Raises
------
TypeError
    The value is no number.)";

constexpr char kBoundGaugeAdd[] =
    R"(add($self, amount, /)
--

Add to the value, 0 where none was set; may be negative.

Raises
------
TypeError
    The amount is no number.)";

constexpr char kBoundGaugeClear[] =
    R"(clear($self, /)
--

Take the value away: there is none until the next one is set.

The row of this window has status "undefined"; later windows have none.)";

constexpr char kRecord[] =
    R"(record($self, value, /, **attributes)
--

Record one value into the series of these attributes.

Parameters
----------
value : float
    NaN and infinities are counted apart.
**attributes : str, int or bool
    A value for every attribute key.

Raises
------
TypeError
    The value is no number, or an attribute is unknown, missing, or of another class.)";

constexpr char kBoundRecord[] =
    R"(record($self, value, /)
--

Record one value. NaN and infinities are counted apart.

Raises
------
TypeError
    The value is no number.)";

constexpr char kRecordMany[] =
    R"(record_many($self, values, /, **attributes)
--

Record an array in one call; the GIL is released while a large one is read.

Parameters
----------
values : array-like of a real dtype
    A numpy array, an Arrow array or chunked array (nulls are skipped and counted), or any
    buffer of numbers, of any shape.
**attributes : str, int or bool
    A value for every attribute key.

Raises
------
TypeError
    The values are no array of numbers, or an attribute is unknown, missing, or of another class.)";

constexpr char kBoundRecordMany[] =
    R"(record_many($self, values, /)
--

Record an array in one call; the GIL is released while a large one is read.

Parameters
----------
values : array-like of a real dtype
    A numpy array, an Arrow array or chunked array (nulls are skipped and counted), or any
    buffer of numbers, of any shape.

Raises
------
TypeError
    The values are no array of numbers.)";

constexpr char kBoundRecordSince[] =
    R"(record_since($self, start, /)
--

Record the seconds since `start`, an int from `inlay.now_ns()`.

Raises
------
TypeError
    The start is no int.)";

constexpr char kBoundTime[] =
    R"(time($self, /)
--

Measure a `with` block or decorate a function; seconds are recorded.

Returns
-------
Timer)";

constexpr char kTime[] =
    R"(time($self, /, **attributes)
--

Measure a `with` block or decorate a function; seconds go to the series of these attributes.

Returns
-------
Timer

Raises
------
TypeError
    An attribute is unknown, missing, or of another class.)";

constexpr char kBoundExemplar[] =
    R"(exemplar($self, /, value, trace_id, span_id)
--

Keep this value with the span it belongs to as an example for its window; records nothing.

At most 4 are kept per series and window; a larger value replaces the smallest.

Parameters
----------
value : float
trace_id : str
    32 lower-case hex digits.
span_id : str
    16 lower-case hex digits.

Raises
------
ValueError
    An id is something else.)";

constexpr char kNowNs[] =
    R"(now_ns($module, /)
--

Read the steady clock that `record_since` reads.

Returns
-------
int
    Nanoseconds since an arbitrary start.)";

}  // namespace inlay::python::docs
