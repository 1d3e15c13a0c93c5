-- Which orders filled worst against their decision price? The 20 worst.
-- slippage_bps is in basis points of the decision price; positive is worse for us on either side.
with executed as (
    select
        client_id,
        symbol,
        sum(quantity) as quantity,
        sum(price * quantity) / sum(quantity) as fill_price,
        max(time) as filled_at
    from fills
    group by client_id, symbol
)

select
    executed.filled_at,
    executed.symbol,
    orders.strategy,
    orders.leg,
    orders.side,
    executed.quantity,
    orders.decision_price,
    executed.fill_price,
    orders.client_id,
    10000 * (executed.fill_price / orders.decision_price - 1)
    * case lower(orders.side) when 'buy' then 1 else -1 end as slippage_bps
from executed
inner join orders on executed.client_id = orders.client_id
where orders.decision_price > 0
order by slippage_bps desc, executed.filled_at asc
limit 20
