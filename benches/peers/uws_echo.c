/* A WebSocket server on uWebSockets' own C interface, the peer of benches/echo.rs, handshakes.rs and
 * streams.rs. What comes at /echo is sent back; what comes at /publish is sent to all who are at
 * /subscribe, and then back. The declarations are those of libuwebsockets.h, which
 * the wheel that ships the library has not. */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef void (*any_handler)(void);
typedef void (*open_handler)(void *ws, void *user);
typedef void (*message_handler)(void *ws, const char *bytes, size_t length, int opcode, void *user);
typedef struct { int port; const char *host; int options; } listen_config;
typedef void (*listen_handler)(void *socket, listen_config config, void *user);

/* uws_socket_behavior_t */
typedef struct {
    int compression;
    unsigned int max_payload_length;
    unsigned short idle_timeout;
    unsigned int max_backpressure;
    bool close_on_backpressure_limit;
    bool reset_idle_timeout_on_send;
    bool send_pings_automatically;
    unsigned short max_lifetime;
    any_handler upgrade;
    open_handler open;
    message_handler message;
    any_handler drain, ping, pong, close, subscription;
} behavior;

struct us_socket_context_options_t {
    const char *key, *cert, *passphrase, *dh_params, *ca, *ciphers;
    int low_memory;
};

void *uws_create_app(int ssl, struct us_socket_context_options_t options);
void uws_ws(int ssl, void *app, const char *pattern, behavior behavior, void *user);
void uws_app_listen_with_config(int ssl, void *app, listen_config config, listen_handler handler,
                                void *user);
void uws_app_run(int ssl, void *app);
int uws_ws_send(int ssl, void *ws, const char *bytes, size_t length, int opcode);
bool uws_ws_subscribe(int ssl, void *ws, const char *topic, size_t length);
bool uws_publish(int ssl, void *app, const char *topic, size_t topic_length, const char *bytes,
                 size_t length, int opcode, bool compress);

static void *app;

static void echo(void *ws, const char *bytes, size_t length, int opcode, void *user) {
    uws_ws_send(0, ws, bytes, length, opcode);
}

static void subscribe(void *ws, void *user) {
    uws_ws_subscribe(0, ws, "x", 1);
}

static void publish(void *ws, const char *bytes, size_t length, int opcode, void *user) {
    uws_publish(0, app, "x", 1, bytes, length, opcode, false);
    uws_ws_send(0, ws, bytes, length, opcode);
}

static void listening(void *socket, listen_config config, void *user) {
    if (!socket) exit(1);
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    struct us_socket_context_options_t options;
    memset(&options, 0, sizeof options);
    behavior socket;
    memset(&socket, 0, sizeof socket);
    socket.max_payload_length = 1 << 20;
    socket.idle_timeout = 120;
    socket.max_backpressure = 1 << 24;
    socket.send_pings_automatically = true;
    socket.message = echo;
    app = uws_create_app(0, options);
    uws_ws(0, app, "/echo", socket, NULL);
    socket.message = publish;
    uws_ws(0, app, "/publish", socket, NULL);
    socket.message = NULL;
    socket.open = subscribe;
    uws_ws(0, app, "/subscribe", socket, NULL);
    listen_config config = { atoi(arguments[1]), "127.0.0.1", 0 };
    uws_app_listen_with_config(0, app, config, listening, NULL);
    uws_app_run(0, app);
    return 0;
}
