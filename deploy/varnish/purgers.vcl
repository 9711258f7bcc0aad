# The addresses of agora's servers.
acl purgers {
    "127.0.0.1";
    "::1";
}
