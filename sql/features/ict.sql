-- ICT structures known at the row's close: from the 15-minute bars up to this one and from the last
-- closed hour. Distances are logarithms to the zone's nearer edge, null without a zone.
with
structures as (
    select
        grid.symbol,
        grid.open_time,
        own.trend as ict_trend,
        own.since_break as ict_since_break,
        own.since_sweep_above as ict_since_sweep_above,
        own.since_sweep_below as ict_since_sweep_below,
        hours.trend as h1_ict_trend,
        hours.since_break as h1_ict_since_break,
        nullif(own.against_trend, 0) - 1 as ict_change,
        ln(grid.close / own.gap_below) as ict_gap_below,
        ln(own.gap_above / grid.close) as ict_gap_above,
        ln(grid.close / own.block_below) as ict_block_below,
        ln(own.block_above / grid.close) as ict_block_above,
        ln(own.liquidity_above / grid.close) as ict_liquidity_above,
        ln(grid.close / own.liquidity_below) as ict_liquidity_below,
        ln(grid.close / hours.block_below) as h1_ict_block_below,
        ln(hours.block_above / grid.close) as h1_ict_block_above,
        ln(hours.liquidity_above / grid.close) as h1_ict_liquidity_above,
        ln(grid.close / hours.liquidity_below) as h1_ict_liquidity_below
    from grid
    left join ict_quarters as own
        on grid.symbol = own.symbol and grid.open_time = own.open_time
    asof left join ict_hours as hours
        on grid.symbol = hours.symbol and grid.close_time >= hours.known_at
)

select * from structures
order by open_time
