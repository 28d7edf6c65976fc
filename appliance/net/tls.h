/*
 * tls: the only users of mbedTLS's ssl. A tls_identity is a chain and a key; a tls_context is an identity with the
 * settings and the server's ticket keys, read-only and counted; a struct tls is one session. Sessions keep their
 * context alive.
 */
#pragma once
#include "inside.h"

/* Resident memory of an idle session: 36 KB measured (TLS 1.3, AES-256-GCM, musl, 2,000 sessions), and the protocol's.
 */
#define TLS_SESSION_BYTES (44u * 1024)

/* tls_context.c */
struct tls_tickets *tls_tickets_new(void);
void tls_tickets_free(struct tls_tickets *tickets);
struct tls_context *tls_context_new(struct tls_identity *identity, struct tls_tickets *tickets);
void tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);
/* favourite: for a client that offers tls_favourite(). */
const void *tls_context_config(const struct tls_context *context, bool favourite);
/* Has its certificate the name, or, when that is empty, the address (4 or 16 bytes)? */
bool tls_context_has(const struct tls_context *context, struct str name, struct str address);
/* The cipher suite of TLS 1.3 (RFC 8446 §B.4) that is the fastest on this CPU. */
unsigned tls_favourite(void);
/* Has the thread's last handshake step accepted a ticket? */
extern _Thread_local bool tls_ticket_taken;
/* How many bytes the stream that begins so must have before all of its ClientHello (RFC 8446 §4.1.2; records and all)
 * is there, as far as these bytes tell: at most n when it is, or when this is none. Pure. */
size_t tls_hello_wants(const unsigned char *p, size_t n);
/* The longest that the library takes, in records of 512 bytes and more. */
#define TLS_HELLO_MAX (17u * 1024)
/* Does this beginning of a ClientHello (records and all) offer that cipher suite? Pure. */
bool tls_hello_offers(const unsigned char *p, size_t n, unsigned suite);

/* tls.c; the owner of the connection calls */
/* Takes the reference. False: no memory. */
CHECKED bool tls_start(struct conn *c, struct tls_context *context, bool favourite);
enum io tls_handshake(struct conn *c);
enum io tls_read(struct conn *c, void *p, size_t n, size_t *moved);
enum io tls_write(struct conn *c, const void *p, size_t n, size_t *moved);
bool tls_has_plaintext(const struct conn *c);
void tls_say_goodbye(struct conn *c);
void tls_release(struct conn *c);
/* During the handshake: the name that the client asks for, cleaned for people; empty: an address, or none. */
void tls_note_name(struct tls *t, struct str name);
struct str tls_asked_name(const struct conn *c);
const struct tls_context *tls_context_of(const struct conn *c);

/* untrusted.c: the client refuses our certificate with this alert (RFC 8446 §6.2). */
void untrusted_saw(struct conn *c, unsigned alert);
