-- Which release traded what? One row per release, strategy and symbol.
select
    release_id,
    strategy,
    symbol,
    count(*) as positions,
    count(*) filter (where closed_at is null) as still_open,
    min(opened_at) as first_entry,
    max(closed_at) as last_exit,
    sum(coalesce(realized_pnl, 0) - coalesce(fees, 0)) as net_pnl
from positions
group by release_id, strategy, symbol
order by release_id, strategy, symbol
