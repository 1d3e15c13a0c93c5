"""Schema of the ledger as a list of migrations; each runs in one transaction with its record."""

from __future__ import annotations

import sqlite3

from trading.errors import SettingsError

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "0001_first_tables",
        """
        create table meta (name text primary key, value text not null) strict;
        create table orders (
            client_id text primary key,
            key text not null,
            leg text not null,
            n integer not null,
            position_id integer,
            symbol text not null,
            strategy text not null,
            release_id text not null,
            bar_time integer not null,
            side text not null,
            kind text not null,
            quantity text,
            trigger_price text,
            reduce_only integer not null,
            close_position integer not null,
            status text not null,
            exchange_id text,
            child_id text,
            decision_price real,
            filled text not null default '0',
            average_price real,
            error text,
            reason text,
            cause text,
            created_at integer not null,
            updated_at integer not null,
            unique (key, leg, n)
        ) strict;
        create index orders_by_exchange_id on orders (exchange_id);
        create index orders_by_status on orders (status);
        create table fills (
            symbol text not null,
            trade_id text not null,
            order_id text not null,
            client_id text not null,
            position_id integer,
            side text not null,
            price text not null,
            quantity text not null,
            fee text not null,
            fee_asset text not null,
            realized_pnl text not null,
            time integer not null,
            primary key (symbol, trade_id)
        ) strict;
        create table positions (
            id integer primary key,
            symbol text not null,
            strategy text not null,
            side integer not null,
            status text not null,
            quantity text not null,
            entry_price real not null,
            opened_at integer not null,
            closed_at integer,
            exit_price real,
            exit_reason text,
            realized_pnl text not null default '0',
            fees text not null default '0',
            release_id text not null,
            release_short text not null,
            key text not null,
            bar_time integer not null,
            params text not null,
            atr real not null,
            high_water real not null,
            protected_at integer,
            cause text
        ) strict;
        create index positions_by_status on positions (status);
        create table events (
            id text primary key,
            time integer not null,
            type text not null,
            symbol text not null,
            cause text,
            data text not null,
            wall_time integer not null
        ) strict;
        create index events_by_cause on events (cause);
        create index events_by_type on events (type, time);
        create table equity (
            time integer primary key,
            wallet text not null,
            equity text not null,
            open_positions integer not null
        ) strict;
        create table dead_letters (
            event_id text not null,
            handler text not null,
            error text not null,
            event text not null,
            wall_time integer not null
        ) strict;
        """,
    ),
    (
        "0002_levels_of_the_signal",
        """
        alter table positions add column stop_price real;
        alter table positions add column target_price real;
        alter table positions add column confidence real;
        alter table positions add column leverage integer not null default 1;
        """,
    ),
    (
        "0003_alerts",
        """
        create table alerts (
            id integer primary key,
            time integer not null,
            title text not null,
            fields text not null,
            delivered_at integer
        ) strict;
        create index alerts_by_delivery on alerts (delivered_at);
        """,
    ),
    (
        # Until here there was one venue, and every amount was in its quote asset.
        "0004_venues",
        """
        alter table orders add column venue text not null default 'binance_usdm';
        alter table orders add column parent text;
        alter table orders add column price text;
        alter table orders add column time_in_force text;
        update orders set status = 'accepted' where status = 'placed';
        alter table positions add column venue text not null default 'binance_usdm';
        alter table positions add column quote_asset text not null default 'USDT';
        alter table events add column venue text not null default '';
        update events set venue = 'binance_usdm' where symbol <> '';
        create table fills_at_venues (
            venue text not null,
            symbol text not null,
            trade_id text not null,
            order_id text not null,
            client_id text not null,
            position_id integer,
            side text not null,
            price text not null,
            quantity text not null,
            fee text not null,
            fee_asset text not null,
            fee_quote text,
            fee_base text not null default '0',
            realized_pnl text,
            time integer not null,
            primary key (venue, symbol, trade_id)
        ) strict;
        insert into fills_at_venues
        select
            'binance_usdm', symbol, trade_id, order_id, client_id, position_id, side, price,
            quantity, fee, fee_asset, fee, '0', realized_pnl, time
        from fills;
        drop table fills;
        alter table fills_at_venues rename to fills;
        create index fills_by_position on fills (position_id);
        create index fills_by_client_id on fills (client_id);
        create table equity_of_wallets (
            time integer not null,
            venue text not null,
            asset text not null,
            wallet text not null,
            equity text not null,
            open_positions integer not null,
            primary key (time, venue, asset)
        ) strict;
        insert into equity_of_wallets
        select time, 'binance_usdm', 'USDT', wallet, equity, open_positions from equity;
        drop table equity;
        alter table equity_of_wallets rename to equity;
        update meta set name = 'day_baseline:USDT' where name = 'day_baseline';
        """,
    ),
    (
        "0005_alert_channels",
        """
        alter table alerts add column level integer not null default 1;
        alter table alerts add column delivered_to text not null default '';
        """,
    ),
    (
        # What an exchange says twice is kept once; what it corrects, as a second version.
        "0006_received_candles",
        """
        create table received_candles (
            venue text not null,
            symbol text not null,
            open_time integer not null,
            open real not null,
            high real not null,
            low real not null,
            close real not null,
            volume real not null,
            fresh integer not null,
            received_at integer not null,
            primary key (venue, symbol, open_time, open, high, low, close, volume)
        ) strict;
        create index received_candles_by_time on received_candles (received_at);
        """,
    ),
    (
        # What is asked before each entry must not take longer as the ledger grows.
        "0007_entry_look_ups",
        """
        create index positions_by_key on positions (key);
        create index positions_by_opening on positions (venue, symbol, opened_at);
        create index positions_by_close on positions (closed_at);
        """,
    ),
)


def migrate(connection: sqlite3.Connection) -> list[str]:
    """Apply what is missing and return its names.

    Raises:
        SettingsError: the ledger was written by a newer version.
    """
    connection.execute(
        "create table if not exists migrations (name text primary key, applied_at text not null)"
    )
    known = [name for name, _ in MIGRATIONS]
    applied = [row[0] for row in connection.execute("select name from migrations order by name")]
    strangers = sorted(set(applied) - set(known))
    if strangers:
        raise SettingsError(
            f"the ledger was written by a newer version (migration {strangers[0]}); update Nocturne"
        )
    done = []
    for name, script in MIGRATIONS:
        if name in applied:
            continue
        record = f"insert into migrations values ('{name}', datetime('now'));"
        connection.executescript(f"begin immediate;{script}{record}commit;")
        done.append(name)
    return done
