-- One row per closed 15-minute bar of a symbol, from $first_time to before $until_time, with every
-- group of its own features; relative.sql compares symbols. features.toml describes each column.
with
rows_wanted as (
    select
        symbol,
        open_time
    from grid
    where close is not null and open_time >= $first_time and open_time < $until_time
),

features as (
    select
        rows_wanted.symbol,
        rows_wanted.open_time,

        -- price
        price.ret_1,
        price.ret_2,
        price.ret_4,
        price.ret_8,
        price.ret_16,
        price.ret_32,
        price.ret_96,
        price.ret_288,
        price.range_1,
        price.range_4,
        price.range_16,
        price.range_96,
        price.atr_14,
        price.skew_96,
        price.body_1,
        price.upper_wick_1,
        price.lower_wick_1,
        price.place_16,
        price.place_96,
        price.dist_sma_16,
        price.dist_sma_48,
        price.dist_sma_96,
        price.dist_sma_288,
        price.band_place_20,
        price.band_width_20,
        price.rsi_14,
        price.cross_12_26,
        price.efficiency_16,
        price.efficiency_96,
        price.volume_ratio_1_96,
        price.volume_ratio_4_96,
        price.volume_ratio_16_96,
        price.volume_z_96,
        price.signed_volume_16,
        price.impact_ratio_16_96,

        -- volatility
        volatility.log_rv_1,
        volatility.log_rv_4,
        volatility.log_rv_16,
        volatility.log_rv_96,
        volatility.log_rv_288,
        volatility.largest_minute_4,
        volatility.rv_slope_1_4,
        volatility.rv_slope_4_96,
        volatility.rv_of_rv_16,
        volatility.parkinson_4,
        volatility.parkinson_96,
        volatility.jump_share_96,
        volatility.down_share_4,
        volatility.down_share_96,
        volatility.autocorrelation_4,
        volatility.rv_same_hour_5d,

        -- context
        context.h1_ret_1,
        context.h1_ret_6,
        context.h1_dist_sma_20,
        context.h1_rsi_14,
        context.h4_ret_1,
        context.h4_ret_6,
        context.h4_dist_sma_20,
        context.h4_rsi_14,
        context.d1_ret_1,
        context.d1_ret_6,
        context.d1_dist_sma_10,
        context.d1_range_1,
        context.d1_place_1,

        -- funding
        funding_rates.funding_rate,
        funding_rates.funding_mean_9,
        funding_rates.funding_age_hours,

        -- calendar
        calendar.hour_sin,
        calendar.hour_cos,
        calendar.week_sin,
        calendar.week_cos,
        calendar.weekend,
        calendar.hours_to_funding,

        -- ict
        ict.ict_trend,
        ict.ict_since_break,
        ict.ict_change,
        ict.ict_gap_below,
        ict.ict_gap_above,
        ict.ict_block_below,
        ict.ict_block_above,
        ict.ict_liquidity_above,
        ict.ict_liquidity_below,
        ict.ict_since_sweep_above,
        ict.ict_since_sweep_below,
        ict.h1_ict_trend,
        ict.h1_ict_since_break,
        ict.h1_ict_block_below,
        ict.h1_ict_block_above,
        ict.h1_ict_liquidity_above,
        ict.h1_ict_liquidity_below
    from rows_wanted
    inner join price
        on rows_wanted.open_time = price.open_time
    inner join volatility
        on rows_wanted.open_time = volatility.open_time
    inner join context
        on rows_wanted.open_time = context.open_time
    inner join funding_rates
        on rows_wanted.open_time = funding_rates.open_time
    inner join calendar
        on rows_wanted.open_time = calendar.open_time
    inner join ict
        on rows_wanted.open_time = ict.open_time
)

select * from features
order by open_time
