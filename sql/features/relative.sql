-- One symbol against the universe of the day, both at the same closed 15-minute bar, from
-- $first_time to before $until_time. A missing bar is missing in the window of a day too.
with
own as (
    select * from market
    where symbol = $symbol
),

windows as (
    select
        *,
        regr_slope(ret_1, market_ret_1) over w96 as slope_96,
        corr(ret_1, market_ret_1) over w96 as corr_96
    from own
    window w96 as (
        order by open_time
        range between interval '1425 minutes' preceding and current row
    )
),

relative as (
    select
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
    where open_time >= $first_time and open_time < $until_time
)

select * from relative
order by open_time
