-- What did each strategy earn? One row per strategy and symbol, closed positions only.
-- net_pnl is after fees, in the quote currency; win_rate is a fraction.
with closed as (
    select
        strategy,
        symbol,
        coalesce(realized_pnl, 0) as gross_pnl,
        coalesce(fees, 0) as fees,
        coalesce(realized_pnl, 0) - coalesce(fees, 0) as net_pnl
    from positions
    where closed_at is not null
)

select
    strategy,
    symbol,
    count(*) as trades,
    avg(cast(net_pnl > 0 as integer)) as win_rate,
    sum(gross_pnl) as gross_pnl,
    sum(fees) as fees,
    sum(net_pnl) as net_pnl,
    min(net_pnl) as worst_trade,
    max(net_pnl) as best_trade
from closed
group by strategy, symbol
order by net_pnl desc, strategy asc, symbol asc
