-- Every symbol at each closed 15-minute bar beside the universe of that day: the members' means and
-- dispersion, and the share of the other members that lie below it.
with
placed as (
    select
        own.symbol,
        own.open_time,
        own.ret_1,
        own.ret_4,
        own.ret_96,
        own.volume_ratio_4_96,
        universe.symbol is not null as member
    from own
    left join universe
        on
            own.symbol = universe.symbol
            and time_bucket(interval '1 day', own.open_time) = universe.day_start
    order by own.open_time, own.symbol
),

means as (
    select
        open_time,
        avg(ret_1) as market_ret_1,
        avg(ret_4) as market_ret_4,
        avg(ret_96) as market_ret_96,
        stddev_pop(ret_4) as dispersion_4,
        count(ret_4) as members_ret_4,
        count(ret_96) as members_ret_96,
        count(volume_ratio_4_96) as members_volume_4
    from placed
    where member
    group by open_time
),

below as (
    select
        *,
        count(*) filter (where member) over (
            partition by open_time order by ret_4 nulls last
            range between unbounded preceding and current row exclude group
        ) as below_ret_4,
        count(*) filter (where member) over (
            partition by open_time order by ret_96 nulls last
            range between unbounded preceding and current row exclude group
        ) as below_ret_96,
        count(*) filter (where member) over (
            partition by open_time order by volume_ratio_4_96 nulls last
            range between unbounded preceding and current row exclude group
        ) as below_volume_4
    from placed
),

market as (
    select
        below.symbol,
        below.open_time,
        below.ret_1,
        means.market_ret_1,
        means.market_ret_4,
        means.market_ret_96,
        means.dispersion_4,
        below.ret_4 - means.market_ret_4 as excess_ret_4,
        below.ret_96 - means.market_ret_96 as excess_ret_96,
        case
            when below.ret_4 is not null
                then below.below_ret_4 / nullif(means.members_ret_4 - below.member::int, 0)
        end as rank_ret_4,
        case
            when below.ret_96 is not null
                then below.below_ret_96 / nullif(means.members_ret_96 - below.member::int, 0)
        end as rank_ret_96,
        case
            when below.volume_ratio_4_96 is not null
                then below.below_volume_4 / nullif(means.members_volume_4 - below.member::int, 0)
        end as rank_volume_4
    from below
    left join means on below.open_time = means.open_time
)

select * from market
order by symbol, open_time
