-- Higher timeframes: the last bar of each that had closed when the 15-minute row closed.
with
context as (
    select
        grid.symbol,
        grid.open_time,
        hours.ret_1 as h1_ret_1,
        hours.ret_6 as h1_ret_6,
        hours.dist_sma_20 as h1_dist_sma_20,
        hours.rsi_14 as h1_rsi_14,
        four_hours.ret_1 as h4_ret_1,
        four_hours.ret_6 as h4_ret_6,
        four_hours.dist_sma_20 as h4_dist_sma_20,
        four_hours.rsi_14 as h4_rsi_14,
        days.ret_1 as d1_ret_1,
        days.ret_6 as d1_ret_6,
        days.dist_sma_10 as d1_dist_sma_10,
        days.range_1 as d1_range_1,
        days.place_1 as d1_place_1
    from grid
    asof left join hours
        on grid.symbol = hours.symbol and grid.close_time >= hours.known_at
    asof left join four_hours
        on grid.symbol = four_hours.symbol and grid.close_time >= four_hours.known_at
    asof left join days
        on grid.symbol = days.symbol and grid.close_time >= days.known_at
)

select * from context
order by open_time
