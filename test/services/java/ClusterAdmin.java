import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** What fault tests change in a cluster, and what they look at, by Kafka's own admin client. */
final class ClusterAdmin {
    private ClusterAdmin() {}

    static void run(JsonNode request, KafkaJudge.Answer answer) throws Exception {
        try (Admin admin = Admin.create(KafkaJudge.settings(request))) {
            switch (request.get("op").asText()) {
                case "createTopic" -> createTopic(admin, request);
                case "deleteTopic" -> admin.deleteTopics(List.of(topic(request))).all().get();
                case "describeTopic" -> describeTopic(admin, request, answer);
                case "addPartitions" -> {
                    NewPartitions more = NewPartitions.increaseTo(request.get("partitions").asInt());
                    admin.createPartitions(Map.of(topic(request), more)).all().get();
                }
                case "configureTopic" -> configureTopic(admin, request);
                case "moveLeader" -> moveLeader(admin, request);
                case "describeGroup" -> describeGroup(admin, request, answer);
                default -> throw new IllegalArgumentException("unknown request " + request.get("op"));
            }
        }
    }

    private static String topic(JsonNode request) {
        return request.get("topic").asText();
    }

    private static Map<String, String> texts(JsonNode object) {
        Map<String, String> texts = new HashMap<>();
        object.fields().forEachRemaining((entry) -> texts.put(entry.getKey(), entry.getValue().asText()));
        return texts;
    }

    private static void createTopic(Admin admin, JsonNode request) throws Exception {
        Optional<Integer> partitions = Optional.of(request.get("partitions").asInt());
        var created = new NewTopic(topic(request), partitions, Optional.empty()).configs(texts(request.path("config")));
        admin.createTopics(List.of(created)).all().get();
    }

    private static void describeTopic(Admin admin, JsonNode request, KafkaJudge.Answer answer) throws Exception {
        String topic = topic(request);
        List<Map<String, Object>> rows = new ArrayList<>();
        for (var one : admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions()) {
            Node leader = one.leader();
            rows.add(Map.of(
                "partition", one.partition(),
                "leader", leader == null || leader.isEmpty() ? 0 : leader.id(),
                "replicas", one.replicas().stream().map(Node::id).toList(),
                "inSync", one.isr().stream().map(Node::id).toList()));
        }
        answer.rows(rows);
    }

    private static void configureTopic(Admin admin, JsonNode request) throws Exception {
        var changes = texts(request.get("config")).entrySet().stream()
            .map((entry) -> new AlterConfigOp(
                new ConfigEntry(entry.getKey(), entry.getValue()), AlterConfigOp.OpType.SET))
            .toList();
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic(request));
        admin.incrementalAlterConfigs(Map.of(resource, changes)).all().get();
    }

    /** Puts the node first among the partition's replicas, then has the first one elected. */
    private static void moveLeader(Admin admin, JsonNode request) throws Exception {
        var partition = new TopicPartition(topic(request), request.get("partition").asInt());
        int node = request.get("node").asInt();
        var replicas = admin.describeTopics(List.of(partition.topic())).allTopicNames().get()
            .get(partition.topic()).partitions().get(partition.partition()).replicas();
        List<Integer> order = new ArrayList<>(List.of(node));
        for (Node replica : replicas) if (replica.id() != node) order.add(replica.id());
        var reassigned = Optional.of(new NewPartitionReassignment(order));
        admin.alterPartitionReassignments(Map.of(partition, reassigned)).all().get();
        while (!admin.listPartitionReassignments(Set.of(partition)).reassignments().get().isEmpty()) Thread.sleep(20);
        var elected = admin.electLeaders(ElectionType.PREFERRED, Set.of(partition)).partitions().get().get(partition);
        boolean isLeader = elected.map((error) -> error.getClass().getSimpleName().equals("ElectionNotNeededException"))
            .orElse(true);
        if (!isLeader) throw new IllegalStateException("no election: " + elected.get());
    }

    /** What a group has committed of each partition, and how far behind the end that is. */
    private static void describeGroup(Admin admin, JsonNode request, KafkaJudge.Answer answer) throws Exception {
        String group = request.get("group").asText();
        Map<TopicPartition, OffsetAndMetadata> committed =
            admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        var ends = admin.listOffsets(committed.keySet().stream()
            .collect(Collectors.toMap((one) -> one, (one) -> OffsetSpec.latest()))).all().get();
        Map<TopicPartition, String> owners = new HashMap<>();
        for (var member : admin.describeConsumerGroups(List.of(group)).all().get().get(group).members()) {
            for (var one : member.assignment().topicPartitions()) owners.put(one, member.consumerId());
        }
        List<Map<String, Object>> rows = new ArrayList<>();
        for (var entry : committed.entrySet()) {
            TopicPartition one = entry.getKey();
            long end = ends.get(one).offset();
            rows.add(Map.of(
                "topic", one.topic(), "partition", one.partition(), "committed", entry.getValue().offset(),
                "end", end, "lag", end - entry.getValue().offset(), "member", owners.getOrDefault(one, "")));
        }
        answer.rows(rows);
    }
}
