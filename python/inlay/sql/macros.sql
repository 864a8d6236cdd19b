-- Exponential histograms and rates for DuckDB (1.3 or later). Plain macros: run this file in any
-- DuckDB that holds the columns of the table `points`.
--
-- A histogram is a struct, as `eh(…)` makes it from the columns of a row. Bucket i of scale s holds
-- the values in (2^(i·2^-s), 2^((i+1)·2^-s)]; the buckets of negative values mirror it. NaN and the
-- infinities are kept apart in points, so no histogram counts them.

create or replace macro eh(
    scale, zero_count, zero_threshold, pos_offset, pos_counts, neg_offset, neg_counts,
    total, low, high
) as
    case when scale is null then null else {
        'scale': scale::integer,
        'zero_count': coalesce(zero_count, 0)::bigint,
        'zero_threshold': coalesce(zero_threshold, 0)::double,
        'pos_offset': coalesce(pos_offset, 0)::bigint,
        'pos_counts': coalesce(pos_counts, [])::bigint[],
        'neg_offset': coalesce(neg_offset, 0)::bigint,
        'neg_counts': coalesce(neg_counts, [])::bigint[],
        'sum': total::double,
        'min': low::double,
        'max': high::double
    } end;

-- ---- merging ----------------------------------------------------------------------------------

-- The index of a bucket after `steps` halvings of the resolution: an arithmetic shift. The bias, a
-- multiple of every 2^steps in use, keeps the operand positive.
create or replace macro eh_shift(i, steps) as
    (((i)::bigint + 1099511627776) >> (steps)::bigint) - (1099511627776 >> (steps)::bigint);

create or replace macro eh_zeros(n) as list_resize([]::bigint[], greatest(n, 0)::bigint, 0::bigint);

-- Sums of `width` neighbours each.
create or replace macro eh_sum_blocks(counts, width) as
    list_transform(
        range(0, len(counts), width),
        lambda start: list_sum(counts[start + 1 : start + width])::bigint
    );

create or replace macro eh_coarsen_counts(first, counts, steps) as
    eh_sum_blocks(
        list_concat(eh_zeros(first - eh_shift(first, steps) * (1::bigint << (steps)::bigint)), counts),
        1::bigint << (steps)::bigint
    );

-- The same histogram at a lower scale; exact, as every bucket falls whole into one.
create or replace macro eh_coarsen(h, target) as
    case when h.scale <= target then h else {
        'scale': target::integer,
        'zero_count': h.zero_count,
        'zero_threshold': h.zero_threshold,
        'pos_offset': eh_shift(h.pos_offset, h.scale - target),
        'pos_counts': eh_coarsen_counts(h.pos_offset, h.pos_counts, h.scale - target),
        'neg_offset': eh_shift(h.neg_offset, h.scale - target),
        'neg_counts': eh_coarsen_counts(h.neg_offset, h.neg_counts, h.scale - target),
        'sum': h.sum,
        'min': h.min,
        'max': h.max
    } end;

-- Counts that begin at `first`, with zeros so that they fill [low, high).
create or replace macro eh_pad(first, counts, low, high) as
    list_concat(
        list_concat(eh_zeros(first - low), counts), eh_zeros(high - first - len(counts))
    );

create or replace macro eh_add_within(a_first, a, b_first, b, low, high) as
    list_transform(
        list_zip(eh_pad(a_first, a, low, high), eh_pad(b_first, b, low, high)),
        lambda pair: pair[1] + pair[2]
    );

create or replace macro eh_add_counts(a_first, a, b_first, b) as
    case
        when len(b) = 0 then a
        when len(a) = 0 then b
        when a_first = b_first and len(a) = len(b)
        then list_transform(list_zip(a, b), lambda pair: pair[1] + pair[2])
        else eh_add_within(
            a_first, a, b_first, b,
            least(a_first, b_first), greatest(a_first + len(a), b_first + len(b))
        )
    end;

create or replace macro eh_first(a_first, a, b_first, b) as
    case when len(b) = 0 then a_first when len(a) = 0 then b_first else least(a_first, b_first) end;

-- The sum of two histograms of one scale.
create or replace macro eh_add(a, b) as {
    'scale': a.scale,
    'zero_count': a.zero_count + b.zero_count,
    'zero_threshold': greatest(a.zero_threshold, b.zero_threshold),
    'pos_offset': eh_first(a.pos_offset, a.pos_counts, b.pos_offset, b.pos_counts),
    'pos_counts': eh_add_counts(a.pos_offset, a.pos_counts, b.pos_offset, b.pos_counts),
    'neg_offset': eh_first(a.neg_offset, a.neg_counts, b.neg_offset, b.neg_counts),
    'neg_counts': eh_add_counts(a.neg_offset, a.neg_counts, b.neg_offset, b.neg_counts),
    'sum': coalesce(a.sum + b.sum, a.sum, b.sum),
    'min': least(a.min, b.min),
    'max': greatest(a.max, b.max)
};

create or replace macro eh_merge_list(hs, target) as
    case when len(hs) = 0 then null else
        list_reduce(
            list_transform(hs, lambda h: eh_coarsen(h, target)), lambda a, b: eh_add(a, b)
        )
    end;

-- Aggregate: the histogram of everything the group's histograms hold, at their lowest scale.
create or replace macro eh_merge(h) as
    eh_merge_list(
        coalesce(list(h) filter (where h is not null), []),
        min(h.scale)
    );

-- ---- reading ----------------------------------------------------------------------------------
-- A macro's argument is pasted wherever its name stands. So that a merge is computed once, each of
-- these binds it to a name: list_transform([argument], lambda name: …)[1].

-- How many values it holds.
create or replace macro eh_count(h) as
    list_transform(
        [h],
        lambda x: (
            x.zero_count
            + coalesce(list_sum(x.pos_counts), 0)
            + coalesce(list_sum(x.neg_counts), 0)
        )::bigint
    )[1];

create or replace macro eh_mean(h) as
    list_transform([h], lambda y: y.sum / nullif(eh_count(y), 0))[1];

-- The value of a bucket that is off by the same relative error at either end: base^i times
-- 2·base/(base + 1), the error being (base - 1)/(base + 1), 1.08 % at scale 5.
create or replace macro eh_bucket_value(i, scale) as
    pow(2.0, i * pow(2.0, -scale)) * 2.0 / (1.0 + pow(2.0, -pow(2.0, -scale)));

-- The buckets from the lowest value to the highest: n values each, index i, sign s.
create or replace macro eh_cells(h) as
    list_concat(
        list_concat(
            list_reverse(
                list_transform(
                    list_zip(range(h.neg_offset, h.neg_offset + len(h.neg_counts)), h.neg_counts),
                    lambda p: {'n': p[2]::double, 'i': p[1]::bigint, 's': -1}
                )
            ),
            [{'n': h.zero_count::double, 'i': 0::bigint, 's': 0}]
        ),
        list_transform(
            list_zip(range(h.pos_offset, h.pos_offset + len(h.pos_counts)), h.pos_counts),
            lambda p: {'n': p[2]::double, 'i': p[1]::bigint, 's': 1}
        )
    );

-- The first bucket at which the running sum reaches the rank.
create or replace macro eh_find(cells, rank) as
    list_reduce(
        cells,
        lambda a, b: case when a.n >= rank then a else {'n': a.n + b.n, 'i': b.i, 's': b.s} end
    );

create or replace macro eh_clamp(value, h) as
    greatest(
        least(value, coalesce(h.max, 'infinity'::double)), coalesce(h.min, '-infinity'::double)
    );

-- The rank of the q-quantile among n values. The factor undoes the rounding of q·n, which may lie
-- just above a whole number.
create or replace macro eh_rank(q, n) as greatest(1.0, ceil((q)::double * n * (1 - 1e-14)));

-- The smallest value v such that at least q of all values are <= v, off by the bucket's relative
-- error; within the exact minimum and maximum. Null if there are no values.
create or replace macro eh_quantile(h, q) as
    list_transform(
        [{'h': h, 'q': (q)::double}],
        lambda z: case
            when z.q is null or z.h is null then null
            when not (z.q >= 0 and z.q <= 1)
            then error('eh_quantile: q must lie in [0, 1], got ' || z.q::varchar)::double
            when eh_count(z.h) = 0 then null
            when z.q = 0 and z.h.min is not null then z.h.min
            when z.q = 1 and z.h.max is not null then z.h.max
            else list_transform(
                [{'cells': eh_cells(z.h), 'rank': eh_rank(z.q, eh_count(z.h))}],
                lambda w: list_transform(
                    [eh_find(w.cells, w.rank)],
                    lambda cell: eh_clamp(cell.s * eh_bucket_value(cell.i, z.h.scale), z.h)
                )[1]
            )[1]
        end
    )[1];

-- ---- rates ------------------------------------------------------------------------------------

-- The length of a window in seconds.
create or replace macro window_seconds(begins, ends) as
    (epoch_us(ends) - epoch_us(begins)) / 1e6;

-- Aggregate, called as rate(value, start_time, time): increase per second, over the time from the
-- first window's start to the last one's end. Works for any group of series and processes. A counter
-- that nobody touched has no row, so for rare ones divide by the time you ask about:
-- sum(value) / 3600.
create or replace macro rate(increase, begins, ends) as
    sum(increase) / nullif((epoch_us(max(ends)) - epoch_us(min(begins))) / 1e6, 0);
