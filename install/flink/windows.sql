-- One-minute means of every series, and an alert for memory above 90 % for five minutes, out of Kafka and back into it.
-- Runs here with SqlRunner.java, which puts the values in for '${…}', and on a cluster with its SQL client: docs/FLINK.md.
--
--   brokers       host:port,…; must be given
--   topic         what the collector writes, with sinks.kafka.encoding: json
--   topic_1m      where the means go; topic_alerts: where the alerts go
--   group         under which name the progress is committed; nothing is read back from it
--   start         earliest-offset, latest-offset, or timestamp with start_unix_ms
--   stop          unbounded, or latest-offset: to the end that the topic has now, for means of the past
--   late          how much later than the newest point of its partition a point may come: days hours:minutes:seconds
--   idle          after how long without messages a partition is not waited for
--   parallelism   of every step; as many as the topic has partitions

SET 'pipeline.name' = 'metricstream-windows';
SET 'parallelism.default' = '${parallelism:-1}';
SET 'table.local-time-zone' = 'UTC';
SET 'table.exec.source.idle-timeout' = '${idle:-30 s}';
SET 'execution.checkpointing.interval' = '30 s';

-- A message is a point. What is no such JSON is passed over; the forwarder puts it into the dead-letter topic.
CREATE TEMPORARY TABLE metrics_raw (
  `timestamp` TIMESTAMP_LTZ(9),
  name STRING,
  `value` DOUBLE,
  unit STRING,
  client_id STRING,
  host STRING,
  datacenter STRING,
  labels MAP<STRING, STRING>,
  tags MAP<STRING, STRING>,
  event_time AS CAST(`timestamp` AS TIMESTAMP_LTZ(3)),
  WATERMARK FOR event_time AS event_time - INTERVAL '${late:-0 00:00:30}' DAY TO SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = '${topic:-metrics-raw}',
  'properties.bootstrap.servers' = '${brokers}',
  'properties.group.id' = '${group:-metricstream-flink}',
  'scan.startup.mode' = '${start:-earliest-offset}',
  'scan.startup.timestamp-millis' = '${start_unix_ms:-0}',
  'scan.bounded.mode' = '${stop:-unbounded}',
  'value.format' = 'json',
  'value.json.timestamp-format.standard' = 'ISO-8601',
  'value.json.ignore-parse-errors' = 'true'
);

-- A point that is in the topic twice counts once, as it is stored once in InfluxDB. What tells points apart is the same:
-- name, labels, what the client says of its host, and the time to the nanosecond; here the client_id, too.
CREATE TEMPORARY VIEW points_once AS
SELECT * FROM (
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY window_start, window_end, client_id, name, host, datacenter, labels, tags, `timestamp`
    ORDER BY event_time DESC) AS copy
  FROM TABLE(TUMBLE(
    (SELECT * FROM metrics_raw
     WHERE name IS NOT NULL AND `value` IS NOT NULL AND client_id IS NOT NULL),
    DESCRIPTOR(event_time), INTERVAL '1' MINUTE))
) WHERE copy = 1;

CREATE TEMPORARY VIEW minutes AS
SELECT
  window_start AS minute_start, window_time AS minute_time, client_id, name, host, datacenter, labels, tags,
  MAX(unit) AS unit, AVG(`value`) AS mean, MIN(`value`) AS lowest, MAX(`value`) AS highest, COUNT(*) AS points
FROM points_once
GROUP BY window_start, window_end, window_time, client_id, name, host, datacenter, labels, tags;

-- The form of a point, so that what reads points reads these: the time is the minute's start, the value the mean.
CREATE TEMPORARY TABLE metrics_1m (
  `timestamp` TIMESTAMP_LTZ(3),
  name STRING,
  `value` DOUBLE,
  unit STRING,
  client_id STRING,
  host STRING,
  datacenter STRING,
  labels MAP<STRING, STRING>,
  tags MAP<STRING, STRING>,
  `min` DOUBLE,
  `max` DOUBLE,
  points BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = '${topic_1m:-metrics-1m}',
  'properties.bootstrap.servers' = '${brokers}',
  'key.format' = 'raw',
  'key.fields' = 'client_id',
  'value.format' = 'json',
  'value.json.timestamp-format.standard' = 'ISO-8601',
  'value.json.encode.ignore-null-fields' = 'true',
  'sink.delivery-guarantee' = 'at-least-once'
);

-- A message for each minute at whose end the five minutes before were all above 90 %: the time is that end.
CREATE TEMPORARY TABLE metrics_alerts (
  `timestamp` TIMESTAMP_LTZ(3),
  alert STRING,
  name STRING,
  `value` DOUBLE,
  unit STRING,
  client_id STRING,
  host STRING,
  datacenter STRING,
  labels MAP<STRING, STRING>,
  tags MAP<STRING, STRING>,
  `min` DOUBLE,
  `max` DOUBLE,
  points BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = '${topic_alerts:-metrics-alerts}',
  'properties.bootstrap.servers' = '${brokers}',
  'key.format' = 'raw',
  'key.fields' = 'client_id',
  'value.format' = 'json',
  'value.json.timestamp-format.standard' = 'ISO-8601',
  'value.json.encode.ignore-null-fields' = 'true',
  'sink.delivery-guarantee' = 'at-least-once'
);

EXECUTE STATEMENT SET BEGIN

INSERT INTO metrics_1m
SELECT minute_start, name, mean, unit, client_id, host, datacenter, labels, tags, lowest, highest, points
FROM minutes;

-- Five minutes, each with points, or nothing is said: a host that is silent is not known to be short of memory.
INSERT INTO metrics_alerts
SELECT
  window_end, 'memory_high', name, AVG(mean), MAX(unit), client_id, host, datacenter, labels, tags,
  MIN(lowest), MAX(highest), SUM(points)
FROM TABLE(HOP(TABLE minutes, DESCRIPTOR(minute_time), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE))
WHERE name = 'mem.used_percent'
GROUP BY window_start, window_end, client_id, name, host, datacenter, labels, tags
HAVING MIN(lowest) > 90 AND COUNT(*) = 5;

END;
