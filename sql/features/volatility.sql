-- Realised volatility of one-minute candles, aggregated on the 15-minute grid.
-- Each log_rv is half the logarithm of a mean squared one-minute return. Sources: realised variance
-- Andersen, Bollerslev (1998); bipower variation Barndorff-Nielsen, Shephard (2004); range
-- Parkinson (1980).
with
minutes as (
    select
        symbol,
        open_time,
        time_bucket(interval '15 minutes', open_time) as row_time,
        case
            when open_time - lag(open_time) over past = interval '1 minute'
                then ln(close / lag(close) over past)
        end as ret,
        ln(high / low) as log_range
    from candles
    where symbol = $symbol
    window past as (order by open_time)
),

paired as (
    select
        *,
        lag(ret) over (order by open_time) as ret_before
    from minutes
),

gathered as (
    select
        symbol,
        row_time as open_time,
        count(ret) as n,
        sum(ret * ret) as square,
        sum(case when ret < 0 then ret * ret else 0 end) as down_square,
        sum(abs(ret) * abs(ret_before)) as bipower,
        sum(ret * ret_before) as crossed,
        sum(log_range * log_range) as range_square,
        max(abs(ret)) as largest
    from paired
    group by symbol, row_time
),

on_grid as (
    select
        grid.symbol,
        grid.open_time,
        gathered.n,
        gathered.square,
        gathered.down_square,
        gathered.bipower,
        gathered.crossed,
        gathered.range_square,
        gathered.largest
    from grid
    left join gathered on grid.symbol = gathered.symbol and grid.open_time = gathered.open_time
),

sums as (
    select
        symbol,
        open_time,
        square / n as var_1,
        sum(square) over w4 / sum(n) over w4 as var_4,
        sum(square) over w16 / sum(n) over w16 as var_16,
        sum(square) over w96 / sum(n) over w96 as var_96,
        sum(square) over w288 / sum(n) over w288 as var_288,
        sum(square) over w4 as square_4,
        sum(square) over w96 as square_96,
        sum(down_square) over w4 as down_4,
        sum(down_square) over w96 as down_96,
        sum(bipower) over w96 as bipower_96,
        sum(crossed) over w4 as crossed_4,
        sum(range_square) over w4 / sum(n) over w4 / (4 * ln(2)) as parkinson_4,
        sum(range_square) over w96 / sum(n) over w96 / (4 * ln(2)) as parkinson_96,
        max(largest) over w4 as largest_4
    from on_grid
    window
        w4 as (order by open_time rows 3 preceding),
        w16 as (order by open_time rows 15 preceding),
        w96 as (order by open_time rows 95 preceding),
        w288 as (order by open_time rows 287 preceding)
),

logs as (
    select
        *,
        -- a quiet hour of a small symbol may not move at all: the floor is (0.01 bp) squared
        0.5 * ln(greatest(var_1, 1e-12)) as log_rv_1,
        0.5 * ln(greatest(var_4, 1e-12)) as log_rv_4,
        0.5 * ln(greatest(var_16, 1e-12)) as log_rv_16,
        0.5 * ln(greatest(var_96, 1e-12)) as log_rv_96,
        0.5 * ln(greatest(var_288, 1e-12)) as log_rv_288
    from sums
),

volatility as (
    select
        symbol,
        open_time,
        log_rv_1,
        log_rv_4,
        log_rv_16,
        log_rv_96,
        log_rv_288,
        largest_4 as largest_minute_4,
        log_rv_1 - log_rv_4 as rv_slope_1_4,
        log_rv_4 - log_rv_96 as rv_slope_4_96,
        stddev_pop(log_rv_1) over w16 as rv_of_rv_16,
        0.5 * ln(greatest(parkinson_4, 1e-12)) as parkinson_4,
        0.5 * ln(greatest(parkinson_96, 1e-12)) as parkinson_96,
        1 - bipower_96 / nullif(square_96, 0) as jump_share_96,
        down_4 / nullif(square_4, 0) as down_share_4,
        down_96 / nullif(square_96, 0) as down_share_96,
        crossed_4 / nullif(square_4, 0) as autocorrelation_4,
        -- the coming hour on five previous days: the row 92 back closed the hour that starts now
        list_avg([
            lag(log_rv_4, 92) over past,
            lag(log_rv_4, 188) over past,
            lag(log_rv_4, 284) over past,
            lag(log_rv_4, 380) over past,
            lag(log_rv_4, 476) over past
        ]) as rv_same_hour_5d
    from logs
    window
        past as (order by open_time),
        w16 as (order by open_time rows 15 preceding)
)

select * from volatility
order by open_time
