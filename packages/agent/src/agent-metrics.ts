/**
 * The agent's figures for `/metrics`. Owns their names. Loaded at the first scrape only: the exposition library costs
 * memory that an agent nobody scrapes need not hold.
 */
import { createMetrics, type Metrics } from '@metricstream/shared/metrics.ts';
import type { StatusParts } from './status.ts';
import { AGENT_VERSION } from './version.ts';

export interface AgentFigures extends StatusParts {
  ticksMissed: number;
}

/** @param figures asked at each scrape. */
export function createAgentMetrics(figures: () => AgentFigures): Metrics {
  const metrics = createMetrics({ part: 'agent', version: AGENT_VERSION });
  const { counter, gauge } = metrics;
  const sampled = counter({ name: 'points_sampled_total', help: 'Points sampled in this run.' });
  const sent = counter({ name: 'points_sent_total', help: 'Points of batches whose sending has begun.' });
  const acked = counter({ name: 'points_acked_total', help: 'Points of batches that a collector made durable.' });
  const dropped = counter({ name: 'points_dropped_total', help: 'Points lost on purpose.', labels: ['reason'] });
  const batches = counter({ name: 'batches_acked_total', help: 'Batches that a collector made durable.' });
  const requests = counter({ name: 'requests_total', help: 'Requests to the collector, repeated ones too.' });
  const refused = counter({ name: 'requests_refused_total', help: 'Requests answered 429 or 503.' });
  const undecodable = counter({ name: 'acks_undecodable_total', help: 'Answers of 2xx whose body was no Ack.' });
  const sentBytes = counter({ name: 'sent_bytes_total', help: 'Bytes of request bodies, as sent.' });
  const missed = counter({ name: 'ticks_missed_total', help: 'Sampling ticks that were skipped.' });
  const failures = counter({
    name: 'sampler_failures_total',
    help: 'Times a sampler gave nothing or not all.',
    labels: ['sampler', 'reason'],
  });
  const samplerSeconds = counter({ name: 'sampler_seconds_total', help: 'Time spent sampling.', labels: ['sampler'] });
  const inSpool = gauge({ name: 'spool_points', help: 'Points unacked in the spool.' });
  const spoolBytes = gauge({ name: 'spool_bytes', help: 'Bytes unacked in the spool.' });
  const oldest = gauge({ name: 'spool_oldest_seconds', help: 'Age of the oldest unacked batch.' });
  const runway = gauge({ name: 'spool_runway_seconds', help: 'Time until points would be lost without a collector.' });
  const latency = gauge({ name: 'ack_seconds', help: 'Time to a 2xx, this run.', labels: ['quantile'] });
  const skew = gauge({ name: 'clock_skew_seconds', help: "The collector's clock minus this host's." });
  metrics.onCollect(() => {
    const now = figures();
    sampled.setTotal(now.pointsSampled);
    sent.setTotal(now.uplink.pointsSent);
    acked.setTotal(now.spool.pointsAcked);
    for (const [reason, points] of Object.entries(now.dropped)) dropped.setTotal(points, { reason });
    batches.setTotal(now.spool.batchesAcked);
    requests.setTotal(now.uplink.requests);
    refused.setTotal(now.uplink.refused);
    undecodable.setTotal(now.uplink.acksUndecodable);
    sentBytes.setTotal(now.uplink.bytesSent);
    missed.setTotal(now.ticksMissed);
    for (const { sampler, failures: met, totalDurationMs } of now.samplers) {
      samplerSeconds.setTotal(totalDurationMs / 1000, { sampler });
      for (const [reason, count] of Object.entries(met)) failures.setTotal(count, { sampler, reason });
    }
    inSpool.set(now.spool.points);
    spoolBytes.set(now.spool.bytes);
    oldest.set(now.spool.oldestAgeMs / 1000);
    runway.set(now.spool.runwaySeconds);
    for (const quantile of [0.5, 0.99]) latency.set(now.ackMs(quantile * 100) / 1000, { quantile });
    skew.set(now.uplink.clockSkewMs / 1000);
  });
  return metrics;
}
