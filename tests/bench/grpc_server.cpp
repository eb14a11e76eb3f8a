// What a C++ programmer would write in stated's place: gRPC's callback server, a map under a
// shared_mutex. No order between calls, no durability, no bound on what waits.
#include "grpc_peer.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

namespace {

class Store final : public peer::Store::CallbackService {
public:
    grpc::ServerUnaryReactor *Read(grpc::CallbackServerContext *context,
                                   const peer::ReadRequest *request,
                                   peer::ReadResponse *response) override
    {
        {
            std::shared_lock lock(mutex);
            auto found = values.find(request->key());
            if (found != values.end()) {
                response->set_found(true);
                response->set_value(found->second);
            }
        }
        return finish(context);
    }

    grpc::ServerUnaryReactor *Write(grpc::CallbackServerContext *context,
                                    const peer::WriteRequest *request,
                                    peer::WriteResponse *response) override
    {
        {
            std::unique_lock lock(mutex);
            values[request->key()] = request->value();
            response->set_revision(++revision);
        }
        return finish(context);
    }

private:
    static grpc::ServerUnaryReactor *finish(grpc::CallbackServerContext *context)
    {
        auto *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

    std::shared_mutex mutex;
    std::unordered_map<std::string, std::string> values;
    uint64_t revision = 0;
};

} // namespace

int main()
{
    Store store;
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&store);
    auto server = builder.BuildAndStart();
    if (server == nullptr || port == 0) {
        std::fputs("grpc_server: cannot listen\n", stderr);
        return 1;
    }
    std::printf("%d\n", port);
    std::fflush(stdout);
    server->Wait();
}
