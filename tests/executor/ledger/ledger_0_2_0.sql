BEGIN TRANSACTION;
CREATE TABLE alerts (
            id integer primary key,
            time integer not null,
            title text not null,
            fields text not null,
            delivered_at integer
        ) strict;
CREATE TABLE dead_letters (
            event_id text not null,
            handler text not null,
            error text not null,
            event text not null,
            wall_time integer not null
        ) strict;
CREATE TABLE equity (
            time integer primary key,
            wallet text not null,
            equity text not null,
            open_positions integer not null
        ) strict;
INSERT INTO "equity" VALUES(120000,'10000','10000.000',1);
CREATE TABLE events (
            id text primary key,
            time integer not null,
            type text not null,
            symbol text not null,
            cause text,
            data text not null,
            wall_time integer not null
        ) strict;
INSERT INTO "events" VALUES('0001-000000001',120000,'signal_generated','BTCUSDT',NULL,'{"strategy":"breakout","action":"enter","side":1,"reason":"test","values":{},"atr":null,"stop_price":null,"target_price":null,"confidence":null,"price":50000.0,"bar_time":60000,"release_id":"20250620T000000Z-abcdefgh","release_short":"abcdefgh"}',1796002435638);
INSERT INTO "events" VALUES('0001-000000002',120000,'order_intent','BTCUSDT','0001-000000001','{"client_id":"n1-abcdefgh-slggwfpb5wj66esr-en-00","leg":"en","side":"BUY","order_kind":"MARKET","quantity":"0.02","trigger_price":null,"release_id":"20250620T000000Z-abcdefgh","reason":null}',1796002435675);
INSERT INTO "events" VALUES('0001-000000003',120000,'order_placed','BTCUSDT','0001-000000002','{"client_id":"n1-abcdefgh-slggwfpb5wj66esr-en-00","exchange_id":"1"}',1796002435691);
INSERT INTO "events" VALUES('0001-000000004',120000,'order_filled','BTCUSDT','0001-000000003','{"client_id":"n1-abcdefgh-slggwfpb5wj66esr-en-00","trade_id":"2","side":"BUY","price":"50000","quantity":"0.02","fee":"0.5","slippage":0.0}',1796002435696);
INSERT INTO "events" VALUES('0001-000000005',120000,'position_opened','BTCUSDT','0001-000000004','{"position_id":1,"strategy":"breakout","side":1,"quantity":"0.02","entry_price":50000.0,"stop":49500.0,"take_profit":51000.0,"stage":null,"confidence":null,"release_id":"20250620T000000Z-abcdefgh"}',1796002435696);
INSERT INTO "events" VALUES('0001-000000006',120000,'order_intent','BTCUSDT','0001-000000005','{"client_id":"n1-abcdefgh-slggwfpb5wj66esr-sl-00","leg":"sl","side":"SELL","order_kind":"STOP_MARKET","quantity":null,"trigger_price":"49500.0","release_id":"20250620T000000Z-abcdefgh","reason":null}',1796002435715);
INSERT INTO "events" VALUES('0001-000000007',120000,'order_placed','BTCUSDT','0001-000000006','{"client_id":"n1-abcdefgh-slggwfpb5wj66esr-sl-00","exchange_id":"3"}',1796002435735);
INSERT INTO "events" VALUES('0001-000000008',120000,'order_intent','BTCUSDT','0001-000000005','{"client_id":"n1-abcdefgh-slggwfpb5wj66esr-tp-00","leg":"tp","side":"SELL","order_kind":"TAKE_PROFIT_MARKET","quantity":null,"trigger_price":"51000.0","release_id":"20250620T000000Z-abcdefgh","reason":null}',1796002435735);
INSERT INTO "events" VALUES('0001-000000009',120000,'order_placed','BTCUSDT','0001-000000008','{"client_id":"n1-abcdefgh-slggwfpb5wj66esr-tp-00","exchange_id":"4"}',1796002435755);
INSERT INTO "events" VALUES('0001-000000010',120000,'protection_confirmed','BTCUSDT','0001-000000007','{"orders":{"n1-abcdefgh-slggwfpb5wj66esr-sl-00":"49500.0","n1-abcdefgh-slggwfpb5wj66esr-tp-00":"51000.0"}}',1796002435971);
INSERT INTO "events" VALUES('0001-000000011',120000,'order_intent','BTCUSDT',NULL,'{"client_id":"n1-abcdefgh-slggwfpb5wj66esr-px-00","leg":"px","side":"SELL","order_kind":"MARKET","quantity":"0.02","trigger_price":null,"release_id":"20250620T000000Z-abcdefgh","reason":"test"}',1796002435971);
INSERT INTO "events" VALUES('0001-000000012',120000,'order_placed','BTCUSDT','0001-000000011','{"client_id":"n1-abcdefgh-slggwfpb5wj66esr-px-00","exchange_id":"5"}',1796002435997);
INSERT INTO "events" VALUES('0001-000000013',120000,'order_filled','BTCUSDT','0001-000000012','{"client_id":"n1-abcdefgh-slggwfpb5wj66esr-px-00","trade_id":"6","side":"SELL","price":"50000","quantity":"0.02","fee":"0.5","slippage":-0.0}',1796002436003);
INSERT INTO "events" VALUES('0001-000000014',120000,'position_closed','BTCUSDT','0001-000000013','{"position_id":1,"strategy":"breakout","side":1,"quantity":"0.00","entry_price":50000.0,"stop":49500.0,"take_profit":51000.0,"stage":null,"confidence":null,"release_id":"20250620T000000Z-abcdefgh","exit_price":50000.0,"reason":"test","realized_pnl":"0","fees":"1.0"}',1796002436004);
INSERT INTO "events" VALUES('0001-000000015',120000,'signal_generated','BTCUSDT',NULL,'{"strategy":"breakout","action":"enter","side":1,"reason":"test","values":{},"atr":null,"stop_price":null,"target_price":null,"confidence":null,"price":50000.0,"bar_time":120000,"release_id":"20250620T000000Z-abcdefgh","release_short":"abcdefgh"}',1796002436035);
INSERT INTO "events" VALUES('0001-000000016',120000,'order_intent','BTCUSDT','0001-000000015','{"client_id":"n1-abcdefgh-m76ldiroaa6rsgbu-en-00","leg":"en","side":"BUY","order_kind":"MARKET","quantity":"0.02","trigger_price":null,"release_id":"20250620T000000Z-abcdefgh","reason":null}',1796002436047);
INSERT INTO "events" VALUES('0001-000000017',120000,'order_placed','BTCUSDT','0001-000000016','{"client_id":"n1-abcdefgh-m76ldiroaa6rsgbu-en-00","exchange_id":"7"}',1796002436067);
INSERT INTO "events" VALUES('0001-000000018',120000,'order_filled','BTCUSDT','0001-000000017','{"client_id":"n1-abcdefgh-m76ldiroaa6rsgbu-en-00","trade_id":"8","side":"BUY","price":"50000","quantity":"0.02","fee":"0.5","slippage":0.0}',1796002436073);
INSERT INTO "events" VALUES('0001-000000019',120000,'position_opened','BTCUSDT','0001-000000018','{"position_id":2,"strategy":"breakout","side":1,"quantity":"0.02","entry_price":50000.0,"stop":49500.0,"take_profit":51000.0,"stage":null,"confidence":null,"release_id":"20250620T000000Z-abcdefgh"}',1796002436074);
INSERT INTO "events" VALUES('0001-000000020',120000,'order_intent','BTCUSDT','0001-000000019','{"client_id":"n1-abcdefgh-m76ldiroaa6rsgbu-sl-00","leg":"sl","side":"SELL","order_kind":"STOP_MARKET","quantity":null,"trigger_price":"49500.0","release_id":"20250620T000000Z-abcdefgh","reason":null}',1796002436095);
INSERT INTO "events" VALUES('0001-000000021',120000,'order_placed','BTCUSDT','0001-000000020','{"client_id":"n1-abcdefgh-m76ldiroaa6rsgbu-sl-00","exchange_id":"9"}',1796002436103);
INSERT INTO "events" VALUES('0001-000000022',120000,'order_intent','BTCUSDT','0001-000000019','{"client_id":"n1-abcdefgh-m76ldiroaa6rsgbu-tp-00","leg":"tp","side":"SELL","order_kind":"TAKE_PROFIT_MARKET","quantity":null,"trigger_price":"51000.0","release_id":"20250620T000000Z-abcdefgh","reason":null}',1796002436103);
INSERT INTO "events" VALUES('0001-000000023',120000,'order_placed','BTCUSDT','0001-000000022','{"client_id":"n1-abcdefgh-m76ldiroaa6rsgbu-tp-00","exchange_id":"10"}',1796002436111);
INSERT INTO "events" VALUES('0001-000000024',120000,'protection_confirmed','BTCUSDT','0001-000000021','{"orders":{"n1-abcdefgh-m76ldiroaa6rsgbu-sl-00":"49500.0","n1-abcdefgh-m76ldiroaa6rsgbu-tp-00":"51000.0"}}',1796002436323);
CREATE TABLE fills (
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
INSERT INTO "fills" VALUES('BTCUSDT','2','1','n1-abcdefgh-slggwfpb5wj66esr-en-00',1,'BUY','50000','0.02','0.5','USDT','0',60000);
INSERT INTO "fills" VALUES('BTCUSDT','6','5','n1-abcdefgh-slggwfpb5wj66esr-px-00',1,'SELL','50000','0.02','0.5','USDT','0',60000);
INSERT INTO "fills" VALUES('BTCUSDT','8','7','n1-abcdefgh-m76ldiroaa6rsgbu-en-00',2,'BUY','50000','0.02','0.5','USDT','0',60000);
CREATE TABLE meta (name text primary key, value text not null) strict;
INSERT INTO "meta" VALUES('runs','1');
INSERT INTO "meta" VALUES('day','0');
INSERT INTO "meta" VALUES('day_baseline','10000');
CREATE TABLE migrations (name text primary key, applied_at text not null);
INSERT INTO "migrations" VALUES('0001_first_tables','2026-11-30 01:33:55');
INSERT INTO "migrations" VALUES('0002_levels_of_the_signal','2026-11-30 01:33:55');
INSERT INTO "migrations" VALUES('0003_alerts','2026-11-30 01:33:55');
CREATE TABLE orders (
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
INSERT INTO "orders" VALUES('n1-abcdefgh-slggwfpb5wj66esr-en-00','slggwfpb5wj66esr','en',0,1,'BTCUSDT','breakout','20250620T000000Z-abcdefgh',60000,'BUY','MARKET','0.02',NULL,0,0,'filled','1',NULL,50000.0,'0.02',50000.0,NULL,NULL,'0001-000000002',120000,120000);
INSERT INTO "orders" VALUES('n1-abcdefgh-slggwfpb5wj66esr-sl-00','slggwfpb5wj66esr','sl',0,1,'BTCUSDT','breakout','20250620T000000Z-abcdefgh',60000,'SELL','STOP_MARKET',NULL,'49500.0',0,1,'placed','3',NULL,NULL,'0',NULL,NULL,NULL,'0001-000000006',120000,120000);
INSERT INTO "orders" VALUES('n1-abcdefgh-slggwfpb5wj66esr-tp-00','slggwfpb5wj66esr','tp',0,1,'BTCUSDT','breakout','20250620T000000Z-abcdefgh',60000,'SELL','TAKE_PROFIT_MARKET',NULL,'51000.0',0,1,'placed','4',NULL,NULL,'0',NULL,NULL,NULL,'0001-000000008',120000,120000);
INSERT INTO "orders" VALUES('n1-abcdefgh-slggwfpb5wj66esr-px-00','slggwfpb5wj66esr','px',0,1,'BTCUSDT','breakout','20250620T000000Z-abcdefgh',60000,'SELL','MARKET','0.02',NULL,1,0,'filled','5',NULL,50000.0,'0.02',50000.0,NULL,'test','0001-000000011',120000,120000);
INSERT INTO "orders" VALUES('n1-abcdefgh-m76ldiroaa6rsgbu-en-00','m76ldiroaa6rsgbu','en',0,2,'BTCUSDT','breakout','20250620T000000Z-abcdefgh',120000,'BUY','MARKET','0.02',NULL,0,0,'filled','7',NULL,50000.0,'0.02',50000.0,NULL,NULL,'0001-000000016',120000,120000);
INSERT INTO "orders" VALUES('n1-abcdefgh-m76ldiroaa6rsgbu-sl-00','m76ldiroaa6rsgbu','sl',0,2,'BTCUSDT','breakout','20250620T000000Z-abcdefgh',120000,'SELL','STOP_MARKET',NULL,'49500.0',0,1,'placed','9',NULL,NULL,'0',NULL,NULL,NULL,'0001-000000020',120000,120000);
INSERT INTO "orders" VALUES('n1-abcdefgh-m76ldiroaa6rsgbu-tp-00','m76ldiroaa6rsgbu','tp',0,2,'BTCUSDT','breakout','20250620T000000Z-abcdefgh',120000,'SELL','TAKE_PROFIT_MARKET',NULL,'51000.0',0,1,'placed','10',NULL,NULL,'0',NULL,NULL,NULL,'0001-000000022',120000,120000);
CREATE TABLE positions (
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
        , stop_price real, target_price real, confidence real, leverage integer not null default 1) strict;
INSERT INTO "positions" VALUES(1,'BTCUSDT','breakout',1,'closed','0.00',50000.0,60000,60000,50000.0,'test','0','1.0','20250620T000000Z-abcdefgh','abcdefgh','slggwfpb5wj66esr',60000,'{"add_first_at":0.0,"add_first_stop":0.0,"add_first_weight":1.0,"add_second_at":0.0,"add_second_stop":0.0,"add_second_weight":1.0,"atr_multiplier":2.5,"emergency_stop":0.05,"exit_after_half":"off","filter_tf":"4h","filters":"on","half_close":0.0,"hourly_trend":"off","k":0.5,"leverage":1.0,"liquidation_guard":0.0,"max_position_size":0.2,"min_adx":20.0,"min_volatility":0.008,"partial_take_profit":"","signal_tf":"1h","stop_loss":0.01,"take_profit":0.02,"target_volatility":0.0,"time_exit":0.0,"trailing_arm":0.0,"trailing_stop":0.0,"trend_span":50,"trigger":"cross"}',0.0,50000.0,120000,'0001-000000001',NULL,NULL,NULL,5);
INSERT INTO "positions" VALUES(2,'BTCUSDT','breakout',1,'open','0.02',50000.0,60000,NULL,NULL,NULL,'0','0.5','20250620T000000Z-abcdefgh','abcdefgh','m76ldiroaa6rsgbu',120000,'{"add_first_at":0.0,"add_first_stop":0.0,"add_first_weight":1.0,"add_second_at":0.0,"add_second_stop":0.0,"add_second_weight":1.0,"atr_multiplier":2.5,"emergency_stop":0.05,"exit_after_half":"off","filter_tf":"4h","filters":"on","half_close":0.0,"hourly_trend":"off","k":0.5,"leverage":1.0,"liquidation_guard":0.0,"max_position_size":0.2,"min_adx":20.0,"min_volatility":0.008,"partial_take_profit":"","signal_tf":"1h","stop_loss":0.01,"take_profit":0.02,"target_volatility":0.0,"time_exit":0.0,"trailing_arm":0.0,"trailing_stop":0.0,"trend_span":50,"trigger":"cross"}',0.0,50000.0,120000,'0001-000000015',NULL,NULL,NULL,5);
CREATE INDEX orders_by_exchange_id on orders (exchange_id);
CREATE INDEX orders_by_status on orders (status);
CREATE INDEX positions_by_status on positions (status);
CREATE INDEX events_by_cause on events (cause);
CREATE INDEX events_by_type on events (type, time);
CREATE INDEX alerts_by_delivery on alerts (delivered_at);
COMMIT;
