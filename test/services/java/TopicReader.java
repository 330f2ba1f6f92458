import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Reads all of a topic with Kafka's consumer, from its beginning to the end it had when the reading began. */
final class TopicReader {
    private TopicReader() {}

    static void read(JsonNode request, KafkaJudge.Answer answer) throws Exception {
        String topic = request.get("topic").asText();
        long deadline = System.nanoTime() + request.get("timeoutMs").asLong() * 1_000_000;
        Properties settings = KafkaJudge.settings(request);
        settings.put("auto.offset.reset", "none");
        settings.put("enable.auto.commit", "false");
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            // A topic that is not there would be answered with no partitions, or with waiting.
            List<TopicPartition> all = consumer.partitionsFor(topic).stream()
                .map((info) -> new TopicPartition(topic, info.partition())).toList();
            if (all.isEmpty()) throw new IllegalStateException("there is no topic " + topic);
            consumer.assign(all);
            consumer.seekToBeginning(all);
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            while (all.stream().anyMatch((one) -> consumer.position(one) < ends.get(one))) {
                if (System.nanoTime() > deadline) throw new IllegalStateException("reading " + topic + " took too long");
                List<Map<String, Object>> rows = new ArrayList<>();
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    var end = ends.get(new TopicPartition(topic, record.partition()));
                    if (record.offset() < end) rows.add(row(record));
                }
                answer.rows(rows);
            }
        }
    }

    private static Map<String, Object> row(ConsumerRecord<byte[], byte[]> record) {
        // An absent key or value is null in the answer, which Map.of does not take.
        Map<String, Object> row = new java.util.HashMap<>();
        row.put("partition", record.partition());
        row.put("offset", record.offset());
        row.put("timestampMs", record.timestamp());
        row.put("key", record.key());
        row.put("value", record.value());
        List<List<Object>> headers = new ArrayList<>();
        for (Header header : record.headers()) headers.add(Arrays.asList(header.key(), header.value()));
        row.put("headers", headers);
        return row;
    }
}
