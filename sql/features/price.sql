-- A symbol's own 15-minute bars: returns, ranges, distances, momentum, volume.
-- All lengths are in 15-minute rows; prices enter only as logarithms of ratios.
with
prepared as (
    select
        symbol,
        open_time,
        open,
        high,
        low,
        close,
        volume,
        ret,
        ln(high / low) as log_range,
        ln(close) as log_close,
        greatest(ret, 0) as gain,
        greatest(-ret, 0) as loss,
        greatest(
            high - low,
            abs(high - lag(close) over per_symbol),
            abs(low - lag(close) over per_symbol)
        ) / close as true_range
    from grid
    window per_symbol as (order by open_time)
),

windows as (
    select
        *,
        log_close - lag(log_close, 2) over past as ret_2,
        log_close - lag(log_close, 4) over past as ret_4,
        log_close - lag(log_close, 8) over past as ret_8,
        log_close - lag(log_close, 16) over past as ret_16,
        log_close - lag(log_close, 32) over past as ret_32,
        log_close - lag(log_close, 96) over past as ret_96,
        log_close - lag(log_close, 288) over past as ret_288,
        avg(log_range) over w4 as range_4,
        avg(log_range) over w16 as range_16,
        avg(log_range) over w96 as range_96,
        max(high) over w16 as high_16,
        min(low) over w16 as low_16,
        max(high) over w96 as high_96,
        min(low) over w96 as low_96,
        avg(close) over w12 as sma_12,
        avg(close) over w16 as sma_16,
        avg(close) over w20 as sma_20,
        avg(close) over w26 as sma_26,
        avg(close) over w48 as sma_48,
        avg(close) over w96 as sma_96,
        avg(close) over w288 as sma_288,
        stddev_pop(close) over w20 as sd_20,
        avg(gain) over w14 as gain_14,
        avg(loss) over w14 as loss_14,
        avg(true_range) over w14 as atr_14,
        sum(ret) over w16 as net_16,
        sum(abs(ret)) over w16 as path_16,
        sum(ret) over w96 as net_96,
        sum(abs(ret)) over w96 as path_96,
        avg(volume) over w4 as volume_4,
        avg(volume) over w16 as volume_16,
        avg(volume) over w96 as volume_96,
        stddev_pop(volume) over w96 as volume_sd_96,
        sum(sign(ret) * volume) over w16 as signed_volume_16,
        sum(volume) over w16 as total_volume_16,
        avg(abs(ret) / nullif(volume * close, 0)) over w16 as impact_16,
        avg(abs(ret) / nullif(volume * close, 0)) over w96 as impact_96,
        skewness(ret) over w96 as skew_96
    from prepared
    window
        past as (order by open_time),
        w4 as (order by open_time rows 3 preceding),
        w12 as (order by open_time rows 11 preceding),
        w14 as (order by open_time rows 13 preceding),
        w16 as (order by open_time rows 15 preceding),
        w20 as (order by open_time rows 19 preceding),
        w26 as (order by open_time rows 25 preceding),
        w48 as (order by open_time rows 47 preceding),
        w96 as (order by open_time rows 95 preceding),
        w288 as (order by open_time rows 287 preceding)
),

price as (
    select
        symbol,
        open_time,

        -- returns, ranges and momentum from above
        ret as ret_1,
        ret_2,
        ret_4,
        ret_8,
        ret_16,
        ret_32,
        ret_96,
        ret_288,
        log_range as range_1,
        range_4,
        range_16,
        range_96,
        atr_14,
        skew_96,

        -- the shape of the bar, and its place in the range
        (close - open) / nullif(high - low, 0) as body_1,
        (high - greatest(open, close)) / nullif(high - low, 0) as upper_wick_1,
        (least(open, close) - low) / nullif(high - low, 0) as lower_wick_1,
        (close - low_16) / nullif(high_16 - low_16, 0) as place_16,
        (close - low_96) / nullif(high_96 - low_96, 0) as place_96,

        -- distances
        ln(close / sma_16) as dist_sma_16,
        ln(close / sma_48) as dist_sma_48,
        ln(close / sma_96) as dist_sma_96,
        ln(close / sma_288) as dist_sma_288,
        (close - sma_20) / nullif(2 * sd_20, 0) as band_place_20,
        4 * sd_20 / sma_20 as band_width_20,

        -- momentum
        gain_14 / nullif(gain_14 + loss_14, 0) as rsi_14,
        ln(sma_12 / sma_26) as cross_12_26,
        abs(net_16) / nullif(path_16, 0) as efficiency_16,
        abs(net_96) / nullif(path_96, 0) as efficiency_96,

        -- volume
        ln(nullif(volume, 0) / nullif(volume_96, 0)) as volume_ratio_1_96,
        ln(nullif(volume_4, 0) / nullif(volume_96, 0)) as volume_ratio_4_96,
        ln(nullif(volume_16, 0) / nullif(volume_96, 0)) as volume_ratio_16_96,
        (volume - volume_96) / nullif(volume_sd_96, 0) as volume_z_96,
        signed_volume_16 / nullif(total_volume_16, 0) as signed_volume_16,
        ln(nullif(impact_16, 0) / nullif(impact_96, 0)) as impact_ratio_16_96
    from windows
)

select * from price
order by open_time
