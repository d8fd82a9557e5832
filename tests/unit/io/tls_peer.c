/* SPDX-License-Identifier: Apache-2.0 */
/* tls_peer.c: certificates made on the spot, and the server's side of a TLS connection. */
#include "tls_peer.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#include "unit.h"

void tls_certificate(const char *names, int days, EVP_PKEY **ret_key, X509 **ret_certificate)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *made = X509_new();
    X509_NAME *name = X509_NAME_new();
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

    CHECK(key && made && name && extension);
    CHECK_EQ(X509_set_version(made, 2), 1);
    CHECK_EQ(ASN1_INTEGER_set(X509_get_serialNumber(made), 1), 1);
    CHECK_EQ(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1,
                                        -1, 0),
             1);
    CHECK_EQ(X509_set_subject_name(made, name), 1);
    CHECK_EQ(X509_set_issuer_name(made, name), 1);
    CHECK(X509_gmtime_adj(X509_getm_notBefore(made), -86400L * 2));
    CHECK(X509_gmtime_adj(X509_getm_notAfter(made), 86400L * days));
    CHECK_EQ(X509_set_pubkey(made, key), 1);
    CHECK_EQ(X509_add_ext(made, extension, -1), 1);
    CHECK(X509_sign(made, key, EVP_sha256()) > 0);
    X509_EXTENSION_free(extension);
    X509_NAME_free(name);
    *ret_key = key;
    *ret_certificate = made;
}

void tls_files(const char *names, char ret[64])
{
    char path[96];
    EVP_PKEY *key;
    X509 *made;
    FILE *file;

    snprintf(ret, 64, "/tmp/mcp-auth-tls-XXXXXX");
    CHECK(mkdtemp(ret) != NULL);
    tls_certificate(names, 1, &key, &made);
    snprintf(path, sizeof path, "%s/cert.pem", ret);
    file = fopen(path, "w");
    CHECK(file && PEM_write_X509(file, made) == 1 && fclose(file) == 0);
    snprintf(path, sizeof path, "%s/key.pem", ret);
    file = fopen(path, "w");
    CHECK(file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
          fclose(file) == 0);
    X509_free(made);
    EVP_PKEY_free(key);
}

void tls_files_remove(const char *folder)
{
    char path[96];

    snprintf(path, sizeof path, "%s/cert.pem", folder);
    CHECK_EQ(unlink(path), 0);
    snprintf(path, sizeof path, "%s/key.pem", folder);
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(rmdir(folder), 0);
}

SSL *tls_peer(const char *names, int days, int version_max, int fd, X509 **ret_certificate)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key;
    SSL *ssl;

    tls_certificate(names, days, &key, ret_certificate);
    CHECK(context != NULL);
    SSL_CTX_set_security_level(context, 0);
    CHECK_EQ(SSL_CTX_set_min_proto_version(context, TLS1_VERSION), 1);
    CHECK_EQ(SSL_CTX_set_max_proto_version(context, version_max), 1);
    CHECK_EQ(SSL_CTX_use_certificate(context, *ret_certificate), 1);
    CHECK_EQ(SSL_CTX_use_PrivateKey(context, key), 1);
    ssl = SSL_new(context);
    CHECK(ssl != NULL);
    SSL_CTX_free(context);
    EVP_PKEY_free(key);
    CHECK_EQ(SSL_set_fd(ssl, fd), 1);
    SSL_set_accept_state(ssl);
    return ssl;
}
