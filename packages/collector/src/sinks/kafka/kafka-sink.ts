/**
 * The Kafka sink: the journal, batch by batch, into the partitions of a topic, by client_id. Owns the wiring of one pump per
 * partition to one reading of the journal, and one cursor for all. Promises (the reasons stand in the files beside): a batch
 * is done only when the broker has confirmed it; none is passed over, whatever becomes of partitions, hot clients or the
 * configuration (routing.ts); a partition that is slow or dead delays nobody else (fan-out.ts); memory is bounded by
 * `inFlightBytesMax` and one batch per partition; after a crash up to half a second of batches comes twice, told by their
 * triple (cursor-keeper.ts).
 */
import type { BackoffOptions } from '@metricstream/shared/backoff.ts';
import { addDropped, addTotals } from '@metricstream/shared/journal/cursor.ts';
import { openJournalReader } from '@metricstream/shared/journal/reader.ts';
import type { RunningSink, SinkContext } from '../context.ts';
import { SINK_BACKOFF } from '../context.ts';
import type { KafkaClient } from './client.ts';
import { type Loaded, loadKafkaCursor, lowest, partitionsWaiting, stateToSave } from './cursor.ts';
import { createCursorKeeper, type CursorKeeper } from './cursor-keeper.ts';
import { createFanOut, type FanOut, type Readers } from './fan-out.ts';
import { kafkaFigures } from './figures.ts';
import { openKafka } from './kafkajs.ts';
import { createLanes, type RunningLane } from './lanes.ts';
import { createEncoder } from './messages.ts';
import { createNews, type News } from './news.ts';
import { createRoute, type Route } from './route.ts';
import type { KafkaSettings } from './settings.ts';
import { createTopicWatch, type TopicWatch } from './topic-watch.ts';
import { createWaker, type Waker } from './waker.ts';

export interface KafkaTiming {
  /** Between two readings at the journal's end: what messages of one partition wait for to travel together. */
  lingerMs: number;
  saveEveryMs: number;
  backoff: BackoffOptions;
}

const TIMING: KafkaTiming = { lingerMs: 100, saveEveryMs: 500, backoff: SINK_BACKOFF };

export interface KafkaSinkOptions {
  settings: KafkaSettings;
  /** How many clients' series and partitions are remembered. */
  clientsMax: number;
  /** Given by tests, like `timing`. */
  client?: KafkaClient;
  timing?: KafkaTiming;
}

interface Parts {
  options: KafkaSinkOptions;
  context: SinkContext;
  state: Loaded;
  client: KafkaClient;
  route: Route;
  watch: TopicWatch;
  lanes: RunningLane[];
  keeper: CursorKeeper;
  news: News;
  /** Woken when a lane has room. */
  waker: Waker;
  /** Whether lanes wait for more, give what they hold, or leave it. */
  end: { is: 'not_yet' | 'all' | 'now' };
}

/** @throws what the system throws for a cursor or a journal that cannot be read. */
export function startKafkaSink(options: KafkaSinkOptions, context: SinkContext): RunningSink {
  const parts = createParts(options, context);
  const { lanes, route, state, news } = parts;
  const { front } = state;
  news.tell();
  return {
    run: (drain, abort) => run(parts, drain, abort),
    figures: () =>
      kafkaFigures({ lanes, front, homes: route.homes, hotClients: route.hotClients(), nowUnixMs: Date.now() }),
  };
}

function createParts(options: KafkaSinkOptions, context: SinkContext): Parts {
  const { settings, clientsMax, timing = TIMING } = options;
  const { journal, log, cursorPath } = context;
  const client = options.client ?? openKafka({ ...settings, log });
  const state = loadKafkaCursor({
    path: cursorPath,
    journal: { dir: journal.dir, id: journal.id, end: journal.durable.get() },
    wanted: { partitions: settings.partitions, answer: settings.hot.answer },
    onAlarm: context.onAlarm,
  });
  const route = createRoute({ settings, table: state.routing, clientsMax, log });
  const watch = createTopicWatch({
    client,
    topic: settings.topic,
    partitions: state.lanes.length,
    partitionsWaiting: partitionsWaiting(state),
    log,
  });
  const waker = createWaker();
  const end: Parts['end'] = { is: 'not_yet' };
  const lanes = createLanes({
    client,
    topic: settings.topic,
    places: state.lanes,
    bytesMax: settings.inFlightBytesMax,
    encoder: createEncoder({ encoding: settings.encoding, clientsMax }),
    watch,
    deadLetter: context.deadLetter,
    backoff: timing.backoff,
    ending: () => end.is,
    onCommit(done) {
      addTotals(state.totals, done);
      keeper.touch();
      waker.wake();
    },
    saveIfOverdue: () => keeper.saveIfOverdue(),
    onState: () => news.tell(),
  });
  const keeper = createCursorKeeper({
    path: cursorPath,
    state() {
      const places = lanes.map(({ lane }) => lane.place());
      route.prune(lowest(places, state.front.position));
      return stateToSave(journal.id, { ...state, lanes: places, routing: route.table() });
    },
    onSaved: ({ position }) => news.saved(position),
  });
  const news = createNews({
    context,
    pumps: lanes.map(({ pump }) => pump),
    totals: state.totals,
    pointsBefore: state.pointsBefore,
    position: lowest(state.lanes, state.front.position),
    pending: () => client.troubles(),
  });
  return { options, context, state, client, route, watch, lanes, keeper, news, waker, end };
}

async function run(parts: Parts, drain: AbortSignal, abort: AbortSignal): Promise<void> {
  const { options, context, client, watch, lanes, news, end } = parts;
  const readers = { front: openJournalReader(context.journal.dir), behind: openJournalReader(context.journal.dir) };
  const over = new AbortController();
  const timer = setInterval(() => keepUp(parts), options.timing?.saveEveryMs ?? TIMING.saveEveryMs);
  const read = async (): Promise<void> => {
    await fanOutOf(parts, readers).run(drain, abort);
    end.is = abort.aborted ? 'now' : 'all';
    // Waiting lanes, and those that will be waiting for a dead broker when the time to drain is over.
    for (const { waker } of lanes) waker.wake();
  };
  void watch.run(over.signal);
  try {
    await Promise.all([read(), ...lanes.map(({ pump }) => pump.run(drain, abort))]);
  } finally {
    clearInterval(timer);
    over.abort();
    save(parts);
    news.tell();
    readers.front.close();
    readers.behind.close();
    await client.close();
  }
}

/** Not before something may have been sent: until then a start with other partitions begins where this one did. */
function save({ keeper, watch }: Parts): void {
  if (watch.hasBeenFit()) keeper.tick();
}

function keepUp(parts: Parts): void {
  const { keeper, news, watch, route } = parts;
  save(parts);
  const why = keeper.why();
  news.note('cursor', why === '' ? '' : `the cursor cannot be saved: ${why}`);
  news.note('topic', watch.waiting());
  route.homes.age();
  news.tell();
}

function fanOutOf({ options, context, state, route, lanes, keeper, news, waker }: Parts, readers: Readers): FanOut {
  const { front, totals } = state;
  return createFanOut({
    readers,
    durable: context.journal.durable,
    lanes,
    front,
    lingerMs: options.timing?.lingerMs ?? TIMING.lingerMs,
    waker,
    route: (record, position) => route.route(record, position),
    onFresh: (records) => route.onFresh(records, front.position),
    onDropped: (reason, points) => addDropped(totals, reason, points),
    onAlarm: context.onAlarm,
    onMoved: () => keeper.touch(),
    onTrouble: (why) => news.note('journal', why),
  });
}
