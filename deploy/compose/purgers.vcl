# The two servers of compose.yaml. Not their whole network, because requests through a published port may have the address of its
# gateway.
acl purgers {
    "172.30.0.11";
    "172.30.0.12";
}
