-- Views over the tables, made for every query.

create view latest as
    select * from points where form <> 'derived'
    union all
    select * from points where form = 'derived'
    qualify row_number() over (
        partition by origin, series_id, kind, start_time, time order by revision desc
    ) = 1;

create view histograms as
    select
        *,
        eh(
            scale, zero_count, zero_threshold, pos_offset, pos_counts, neg_offset, neg_counts,
            "sum", "min", "max"
        ) as h
    from points
    where kind = 'histogram';
