// The closed loop of stated-bench for gRPC's asynchronous C++ client, against grpc_server or etcd:
// so many calls in flight on so many channels; prints JSON.
#include "etcd_peer.grpc.pb.h"
#include "grpc_peer.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
    bool etcd = false;
    std::string port;
    unsigned connections = 1, in_flight = 1, read_percent = 100, keys = 1000, value_bytes = 100;
    bool fill = false;
    double seconds = 1;
} options;

constexpr unsigned FILL_BATCH = 100; // puts of one etcd transaction, below its limit of 128

std::atomic<unsigned> filled{0}, lanes_left{0};
std::atomic<uint64_t> errors{0};
std::promise<void> all_ended;
Clock::time_point ends;

std::string key_of(unsigned number)
{
    char text[32];
    std::snprintf(text, sizeof text, "bench/%08u", number);
    return text;
}

// One call in flight; the next one is sent from the callback of the one before.
class Lane {
public:
    Lane(std::shared_ptr<grpc::Channel> channel, unsigned seed)
        : peer_stub(peer::Store::NewStub(channel)), etcd_stub(etcdserverpb::KV::NewStub(channel)),
          random(seed), value(options.value_bytes, 'x')
    {
    }

    void next()
    {
        context = std::make_unique<grpc::ClientContext>();
        sent = Clock::now();
        if (options.fill ? !fill() : sent >= ends) {
            if (--lanes_left == 0) {
                all_ended.set_value();
            }
            return;
        }
        if (!options.fill) {
            ask(random() % 100 < options.read_percent, key_of(random() % options.keys));
        }
    }

    std::vector<uint32_t> latencies_ns;

private:
    void done(const grpc::Status &status, bool as_expected)
    {
        auto taken = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - sent);
        latencies_ns.push_back(uint32_t(std::min<int64_t>(taken.count(), UINT32_MAX)));
        errors += !status.ok() || !as_expected;
        next();
    }

    void ask(bool read, const std::string &key)
    {
        if (options.etcd && read) {
            range.set_key(key);
            etcd_stub->async()->Range(context.get(), &range, &ranged, [this](grpc::Status status) {
                done(status, ranged.count() == 1);
            });
        } else if (options.etcd) {
            put.set_key(key);
            put.set_value(value);
            etcd_stub->async()->Put(context.get(), &put, &was_put,
                                    [this](grpc::Status status) { done(status, true); });
        } else if (read) {
            read_request.set_key(key);
            peer_stub->async()->Read(context.get(), &read_request, &read_response,
                                     [this](grpc::Status status) {
                                         done(status, read_response.found());
                                     });
        } else {
            write(key);
        }
    }

    void write(const std::string &key)
    {
        write_request.set_key(key);
        write_request.set_value(value);
        peer_stub->async()->Write(context.get(), &write_request, &write_response,
                                  [this](grpc::Status status) { done(status, true); });
    }

    // The next keys that are not there yet: many in one of etcd's transactions.
    bool fill()
    {
        unsigned step = options.etcd ? FILL_BATCH : 1;
        unsigned first = filled.fetch_add(step);
        if (first >= options.keys) {
            return false;
        }
        if (!options.etcd) {
            write(key_of(first));
            return true;
        }
        txn.clear_success();
        for (unsigned key = first; key < options.keys && key < first + step; key++) {
            auto *one = txn.add_success()->mutable_request_put();
            one->set_key(key_of(key));
            one->set_value(value);
        }
        etcd_stub->async()->Txn(context.get(), &txn, &txn_done, [this](grpc::Status status) {
            done(status, txn_done.succeeded());
        });
        return true;
    }

    std::unique_ptr<peer::Store::Stub> peer_stub;
    std::unique_ptr<etcdserverpb::KV::Stub> etcd_stub;
    std::unique_ptr<grpc::ClientContext> context;
    Clock::time_point sent;
    std::minstd_rand random;
    std::string value;
    peer::ReadRequest read_request;
    peer::ReadResponse read_response;
    peer::WriteRequest write_request;
    peer::WriteResponse write_response;
    etcdserverpb::RangeRequest range;
    etcdserverpb::RangeResponse ranged;
    etcdserverpb::PutRequest put;
    etcdserverpb::PutResponse was_put;
    etcdserverpb::TxnRequest txn;
    etcdserverpb::TxnResponse txn_done;
};

void print(const std::vector<std::unique_ptr<Lane>> &lanes, double seconds)
{
    static const std::pair<const char *, double> quantiles[] = {
        {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
    std::vector<uint32_t> all;
    for (auto &lane : lanes) {
        all.insert(all.end(), lane->latencies_ns.begin(), lane->latencies_ns.end());
    }
    std::sort(all.begin(), all.end());
    std::printf("{\n  \"connections\": %u,\n  \"in_flight\": %u,\n  \"seconds\": %.6f,\n",
                options.connections, options.in_flight, seconds);
    std::printf("  \"errors\": %llu,\n  \"calls\": %zu,\n  \"calls_per_s\": %.0f",
                (unsigned long long)errors, all.size(), double(all.size()) / seconds);
    for (auto [name, share] : quantiles) {
        double us = all.empty() ? 0 : all[std::min(all.size() - 1, size_t(all.size() * share))] / 1e3;
        std::printf(",\n  \"%s_us\": %.1f", name, us);
    }
    std::puts("\n}");
}

// NAME VALUE pairs; false when one is none.
bool parse(int argc, char **argv)
{
    std::map<std::string, unsigned *> numbers = {{"--connections", &options.connections},
                                                 {"--in-flight", &options.in_flight},
                                                 {"--read-percent", &options.read_percent},
                                                 {"--keys", &options.keys},
                                                 {"--value-size", &options.value_bytes}};
    for (int i = 1; i < argc; i++) {
        std::string name = argv[i];
        if (name == "--etcd" || name == "--fill") {
            (name == "--etcd" ? options.etcd : options.fill) = true;
        } else if (i + 1 == argc) {
            return false;
        } else if (name == "--port") {
            options.port = argv[++i];
        } else if (name == "--duration") {
            options.seconds = std::atof(argv[++i]);
        } else if (numbers.count(name) == 1) {
            *numbers[name] = unsigned(std::atoi(argv[++i]));
        } else {
            return false;
        }
    }
    return !options.port.empty() && options.connections > 0 && options.in_flight > 0;
}

} // namespace

int main(int argc, char **argv)
{
    if (!parse(argc, argv)) {
        std::fputs("usage: grpc_load --port N [--etcd] [--connections N] [--in-flight N]\n"
                   "  [--read-percent P] [--keys N] [--value-size BYTES] [--duration S] [--fill]\n",
                   stderr);
        return 2;
    }
    grpc::ChannelArguments own_connection;
    own_connection.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    std::vector<std::unique_ptr<Lane>> lanes;
    for (unsigned c = 0; c < options.connections; c++) {
        auto channel = grpc::CreateCustomChannel("127.0.0.1:" + options.port,
                                                 grpc::InsecureChannelCredentials(), own_connection);
        if (!channel->WaitForConnected(std::chrono::system_clock::now() +
                                       std::chrono::seconds(10))) {
            std::fputs("grpc_load: cannot connect\n", stderr);
            return 1;
        }
        for (unsigned i = 0; i < options.in_flight; i++) {
            lanes.push_back(std::make_unique<Lane>(channel, unsigned(lanes.size()) + 1));
        }
    }
    auto began = Clock::now();
    ends = began + std::chrono::duration_cast<Clock::duration>(
                       std::chrono::duration<double>(options.seconds));
    lanes_left = unsigned(lanes.size());
    for (auto &lane : lanes) {
        lane->next();
    }
    all_ended.get_future().wait();
    print(lanes, std::chrono::duration<double>(Clock::now() - began).count());
    return errors == 0 ? 0 : 1;
}
