# The two servers of compose.yaml. Not their whole network: what comes in through a published port may seem to come
# from its gateway.
acl purgers {
    "172.30.0.11";
    "172.30.0.12";
}
