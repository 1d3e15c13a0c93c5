-- The run's universe at each closed 15-minute bar: means, dispersion and ranks over its symbols.
with
universe as (
    select
        symbol,
        open_time,
        ret_1,
        ret_4,
        ret_96,
        volume_ratio_4_96
    from prices
    where ret_1 is not null
    order by open_time, symbol
),

means as (
    select
        open_time,
        avg(ret_1) as market_ret_1,
        avg(ret_4) as market_ret_4,
        avg(ret_96) as market_ret_96,
        stddev_pop(ret_4) as dispersion_4
    from universe
    group by open_time
),

market as (
    select
        universe.symbol,
        universe.open_time,
        universe.ret_1,
        means.market_ret_1,
        means.market_ret_4,
        means.market_ret_96,
        means.dispersion_4,
        universe.ret_4 - means.market_ret_4 as excess_ret_4,
        universe.ret_96 - means.market_ret_96 as excess_ret_96,
        percent_rank() over (
            partition by universe.open_time order by universe.ret_4
        ) as rank_ret_4,
        percent_rank() over (
            partition by universe.open_time order by universe.ret_96
        ) as rank_ret_96,
        percent_rank() over (
            partition by universe.open_time order by universe.volume_ratio_4_96
        ) as rank_volume_4
    from universe
    inner join means on universe.open_time = means.open_time
)

select * from market
order by symbol, open_time
