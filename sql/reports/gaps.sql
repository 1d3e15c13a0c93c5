-- Which checked candles are missing? One row per gap, the longest first.
-- A gap lies directly before resumed_at; missing counts the candles that are not there.
select
    venue,
    symbol,
    interval,
    open_time as resumed_at,
    gap_before as missing
from candles
where gap_before > 0
order by missing desc, venue asc, symbol asc, interval asc, resumed_at asc
