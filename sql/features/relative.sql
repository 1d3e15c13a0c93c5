-- One symbol against the universe of the run, both at the same closed 15-minute bar.
with
joined as (
    select
        grid.symbol,
        grid.open_time,
        market.ret_1,
        market.market_ret_1,
        market.market_ret_4,
        market.market_ret_96,
        market.dispersion_4,
        market.excess_ret_4,
        market.excess_ret_96,
        market.rank_ret_4,
        market.rank_ret_96,
        market.rank_volume_4
    from grid
    left join market on grid.symbol = market.symbol and grid.open_time = market.open_time
),

windows as (
    select
        *,
        regr_slope(ret_1, market_ret_1) over w96 as slope_96,
        corr(ret_1, market_ret_1) over w96 as corr_96
    from joined
    window w96 as (order by open_time rows 95 preceding)
),

relative as (
    select
        symbol,
        open_time,
        market_ret_1,
        market_ret_4,
        market_ret_96,
        dispersion_4,
        excess_ret_4,
        excess_ret_96,
        rank_ret_4,
        rank_ret_96,
        rank_volume_4,
        -- with a single pair both are NaN; a feature is a number or null
        case when isfinite(slope_96) then slope_96 end as beta_96,
        case when isfinite(corr_96) then corr_96 end as correlation_96
    from windows
)

select * from relative
order by open_time
