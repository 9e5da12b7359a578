"""The numbers of IKEv2, from the IANA registry "Internet Key Exchange Version 2 Parameters".

Each row: name, number, the RFC that defines it, what it means.  Algorithms that Gatewright
implements stand in `gatewright.iana.algorithms`; the transform tables here only name what a peer
may offer.
"""

from __future__ import annotations

from gatewright.iana.registry import Registry


class ExchangeType(Registry):
    """RFC 7296 section 3.1."""

    IKE_SA_INIT = 34, "RFC 7296", "agrees on algorithms and exchanges keys"
    IKE_AUTH = 35, "RFC 7296", "authenticates both sides and makes the first child SA"
    CREATE_CHILD_SA = 36, "RFC 7296", "makes or rekeys a child SA, or rekeys the IKE SA"
    INFORMATIONAL = 37, "RFC 7296", "deletes, reports, or asks whether the peer is alive"
    IKE_SESSION_RESUME = 38, "RFC 5723", "resumes a session with a ticket"
    GSA_AUTH = 39, "RFC 9838", "group key management: registration"
    GSA_REGISTRATION = 40, "RFC 9838", "group key management: registration"
    GSA_REKEY = 41, "RFC 9838", "group key management: rekey"
    IKE_INTERMEDIATE = 43, "RFC 9242", "carries large payloads before authentication"
    IKE_FOLLOWUP_KE = 44, "RFC 9370", "further key exchanges of a rekey"


class PayloadType(Registry):
    """RFC 7296 section 3.2."""

    NONE = 0, "RFC 7296", "no next payload"
    SA = 33, "RFC 7296", "Security Association: proposals"
    KE = 34, "RFC 7296", "Key Exchange: a public value"
    IDI = 35, "RFC 7296", "Identification of the initiator"
    IDR = 36, "RFC 7296", "Identification of the responder"
    CERT = 37, "RFC 7296", "Certificate"
    CERTREQ = 38, "RFC 7296", "Certificate Request"
    AUTH = 39, "RFC 7296", "Authentication"
    NONCE = 40, "RFC 7296", "Nonce"
    NOTIFY = 41, "RFC 7296", "Notify: an error or a status"
    DELETE = 42, "RFC 7296", "Delete: SPIs that are gone"
    VENDOR = 43, "RFC 7296", "Vendor ID"
    TSI = 44, "RFC 7296", "Traffic Selectors of the initiator"
    TSR = 45, "RFC 7296", "Traffic Selectors of the responder"
    SK = 46, "RFC 7296", "Encrypted and Authenticated"
    CP = 47, "RFC 7296", "Configuration"
    EAP = 48, "RFC 7296", "Extensible Authentication"
    GSPM = 49, "RFC 6467", "Generic Secure Password Method"
    SKF = 53, "RFC 7383", "Encrypted and Authenticated Fragment"
    PS = 54, "RFC 8019", "Puzzle Solution"


class ProtocolId(Registry):
    """RFC 7296 section 3.3.1."""

    NONE = 0, "RFC 7296", "no protocol"
    IKE = 1, "RFC 7296", "IKE"
    AH = 2, "RFC 7296", "Authentication Header"
    ESP = 3, "RFC 7296", "Encapsulating Security Payload"
    FC_ESP_HEADER = 4, "RFC 4595", "Fibre Channel ESP header"
    FC_CT_AUTHENTICATION = 5, "RFC 4595", "Fibre Channel CT authentication"


class TransformType(Registry):
    """RFC 7296 section 3.3.2; the text is how a difference is named to people."""

    ENCR = 1, "RFC 7296", "encryption"
    PRF = 2, "RFC 7296", "pseudo-random function"
    INTEG = 3, "RFC 7296", "integrity"
    KE = 4, "RFC 7296", "key exchange group"
    SN = 5, "RFC 7296", "extended sequence numbers"
    ADDKE1 = 6, "RFC 9370", "additional key exchange 1"
    ADDKE2 = 7, "RFC 9370", "additional key exchange 2"
    ADDKE3 = 8, "RFC 9370", "additional key exchange 3"
    ADDKE4 = 9, "RFC 9370", "additional key exchange 4"
    ADDKE5 = 10, "RFC 9370", "additional key exchange 5"
    ADDKE6 = 11, "RFC 9370", "additional key exchange 6"
    ADDKE7 = 12, "RFC 9370", "additional key exchange 7"


class AttributeType(Registry):
    """Transform attributes, RFC 7296 section 3.3.5."""

    KEY_LENGTH = 14, "RFC 7296", "key length in bits"


class EncryptionId(Registry):
    """Transform type 1."""

    ENCR_DES_IV64 = 1, "RFC 1827", "DES with a 64-bit IV"
    ENCR_DES = 2, "RFC 2405", "DES-CBC"
    ENCR_3DES = 3, "RFC 2451", "3DES-CBC"
    ENCR_RC5 = 4, "RFC 2451", "RC5-CBC"
    ENCR_IDEA = 5, "RFC 2451", "IDEA-CBC"
    ENCR_CAST = 6, "RFC 2451", "CAST-128-CBC"
    ENCR_BLOWFISH = 7, "RFC 2451", "Blowfish-CBC"
    ENCR_NULL = 11, "RFC 2410", "no encryption"
    ENCR_AES_CBC = 12, "RFC 3602", "AES-CBC"
    ENCR_AES_CTR = 13, "RFC 3686", "AES-CTR"
    ENCR_AES_CCM_8 = 14, "RFC 4309", "AES-CCM with an 8-octet tag"
    ENCR_AES_CCM_12 = 15, "RFC 4309", "AES-CCM with a 12-octet tag"
    ENCR_AES_CCM_16 = 16, "RFC 4309", "AES-CCM with a 16-octet tag"
    ENCR_AES_GCM_8 = 18, "RFC 4106", "AES-GCM with an 8-octet tag"
    ENCR_AES_GCM_12 = 19, "RFC 4106", "AES-GCM with a 12-octet tag"
    ENCR_AES_GCM_16 = 20, "RFC 4106", "AES-GCM with a 16-octet tag"
    ENCR_NULL_AUTH_AES_GMAC = 21, "RFC 4543", "AES-GMAC, no encryption"
    ENCR_CAMELLIA_CBC = 23, "RFC 5529", "Camellia-CBC"
    ENCR_CAMELLIA_CTR = 24, "RFC 5529", "Camellia-CTR"
    ENCR_CAMELLIA_CCM_8 = 25, "RFC 5529", "Camellia-CCM with an 8-octet tag"
    ENCR_CAMELLIA_CCM_12 = 26, "RFC 5529", "Camellia-CCM with a 12-octet tag"
    ENCR_CAMELLIA_CCM_16 = 27, "RFC 5529", "Camellia-CCM with a 16-octet tag"
    ENCR_CHACHA20_POLY1305 = 28, "RFC 7634", "ChaCha20-Poly1305"
    ENCR_AES_CCM_8_IIV = 29, "RFC 8750", "AES-CCM with implicit IV"
    ENCR_AES_GCM_16_IIV = 30, "RFC 8750", "AES-GCM with implicit IV"
    ENCR_CHACHA20_POLY1305_IIV = 31, "RFC 8750", "ChaCha20-Poly1305 with implicit IV"


class PrfId(Registry):
    """Transform type 2."""

    PRF_HMAC_MD5 = 1, "RFC 2104", "HMAC-MD5"
    PRF_HMAC_SHA1 = 2, "RFC 2104", "HMAC-SHA-1"
    PRF_HMAC_TIGER = 3, "RFC 2104", "HMAC-Tiger"
    PRF_AES128_XCBC = 4, "RFC 4434", "AES-XCBC"
    PRF_HMAC_SHA2_256 = 5, "RFC 4868", "HMAC-SHA-256"
    PRF_HMAC_SHA2_384 = 6, "RFC 4868", "HMAC-SHA-384"
    PRF_HMAC_SHA2_512 = 7, "RFC 4868", "HMAC-SHA-512"
    PRF_AES128_CMAC = 8, "RFC 4615", "AES-CMAC"


class IntegrityId(Registry):
    """Transform type 3."""

    NONE = 0, "RFC 7296", "none"
    AUTH_HMAC_MD5_96 = 1, "RFC 2403", "HMAC-MD5-96"
    AUTH_HMAC_SHA1_96 = 2, "RFC 2404", "HMAC-SHA1-96"
    AUTH_DES_MAC = 3, "RFC 7296", "DES-MAC"
    AUTH_KPDK_MD5 = 4, "RFC 1828", "keyed MD5"
    AUTH_AES_XCBC_96 = 5, "RFC 3566", "AES-XCBC-96"
    AUTH_HMAC_MD5_128 = 6, "RFC 4595", "HMAC-MD5-128"
    AUTH_HMAC_SHA1_160 = 7, "RFC 4595", "HMAC-SHA1-160"
    AUTH_AES_CMAC_96 = 8, "RFC 4494", "AES-CMAC-96"
    AUTH_AES_128_GMAC = 9, "RFC 4543", "AES-128-GMAC"
    AUTH_AES_192_GMAC = 10, "RFC 4543", "AES-192-GMAC"
    AUTH_AES_256_GMAC = 11, "RFC 4543", "AES-256-GMAC"
    AUTH_HMAC_SHA2_256_128 = 12, "RFC 4868", "HMAC-SHA-256-128"
    AUTH_HMAC_SHA2_384_192 = 13, "RFC 4868", "HMAC-SHA-384-192"
    AUTH_HMAC_SHA2_512_256 = 14, "RFC 4868", "HMAC-SHA-512-256"


class GroupId(Registry):
    """Transform type 4."""

    NONE = 0, "RFC 7296", "none"
    MODP_768 = 1, "RFC 7296", "768-bit MODP"
    MODP_1024 = 2, "RFC 7296", "1024-bit MODP"
    MODP_1536 = 5, "RFC 3526", "1536-bit MODP"
    MODP_2048 = 14, "RFC 3526", "2048-bit MODP"
    MODP_3072 = 15, "RFC 3526", "3072-bit MODP"
    MODP_4096 = 16, "RFC 3526", "4096-bit MODP"
    MODP_6144 = 17, "RFC 3526", "6144-bit MODP"
    MODP_8192 = 18, "RFC 3526", "8192-bit MODP"
    ECP_256 = 19, "RFC 5903", "256-bit random ECP"
    ECP_384 = 20, "RFC 5903", "384-bit random ECP"
    ECP_521 = 21, "RFC 5903", "521-bit random ECP"
    MODP_1024_160 = 22, "RFC 5114", "1024-bit MODP with a 160-bit subgroup"
    MODP_2048_224 = 23, "RFC 5114", "2048-bit MODP with a 224-bit subgroup"
    MODP_2048_256 = 24, "RFC 5114", "2048-bit MODP with a 256-bit subgroup"
    ECP_192 = 25, "RFC 5114", "192-bit random ECP"
    ECP_224 = 26, "RFC 5114", "224-bit random ECP"
    BRAINPOOL_P224R1 = 27, "RFC 6954", "brainpoolP224r1"
    BRAINPOOL_P256R1 = 28, "RFC 6954", "brainpoolP256r1"
    BRAINPOOL_P384R1 = 29, "RFC 6954", "brainpoolP384r1"
    BRAINPOOL_P512R1 = 30, "RFC 6954", "brainpoolP512r1"
    CURVE25519 = 31, "RFC 8031", "Curve25519"
    CURVE448 = 32, "RFC 8031", "Curve448"
    ML_KEM_512 = 35, "draft-ietf-ipsecme-ikev2-mlkem", "ML-KEM-512"
    ML_KEM_768 = 36, "draft-ietf-ipsecme-ikev2-mlkem", "ML-KEM-768"
    ML_KEM_1024 = 37, "draft-ietf-ipsecme-ikev2-mlkem", "ML-KEM-1024"


class SequenceNumbers(Registry):
    """Transform type 5."""

    SEQUENTIAL_32 = 0, "RFC 7296", "32-bit sequence numbers"
    EXTENDED_64 = 1, "RFC 7296", "64-bit extended sequence numbers"


class IdType(Registry):
    """RFC 7296 section 3.5."""

    ID_IPV4_ADDR = 1, "RFC 7296", "IPv4 address"
    ID_FQDN = 2, "RFC 7296", "fully qualified domain name"
    ID_RFC822_ADDR = 3, "RFC 7296", "email address"
    ID_IPV6_ADDR = 5, "RFC 7296", "IPv6 address"
    ID_DER_ASN1_DN = 9, "RFC 7296", "X.500 distinguished name"
    ID_DER_ASN1_GN = 10, "RFC 7296", "X.509 general name"
    ID_KEY_ID = 11, "RFC 7296", "opaque octets"
    ID_FC_NAME = 12, "RFC 4595", "Fibre Channel name"
    ID_NULL = 13, "RFC 7619", "anonymous"


class AuthMethod(Registry):
    """RFC 7296 section 3.8."""

    RSA_SIGNATURE = 1, "RFC 7296", "RSA digital signature"
    SHARED_KEY = 2, "RFC 7296", "preshared key"
    DSS_SIGNATURE = 3, "RFC 7296", "DSS digital signature"
    ECDSA_256 = 9, "RFC 4754", "ECDSA with P-256"
    ECDSA_384 = 10, "RFC 4754", "ECDSA with P-384"
    ECDSA_521 = 11, "RFC 4754", "ECDSA with P-521"
    GSPAM = 12, "RFC 6467", "generic secure password"
    NULL = 13, "RFC 7619", "no authentication"
    DIGITAL_SIGNATURE = 14, "RFC 7427", "digital signature"


class CertEncoding(Registry):
    """RFC 7296 section 3.6."""

    PKCS7 = 1, "RFC 7296", "PKCS #7 wrapped X.509 certificate"
    PGP = 2, "RFC 7296", "PGP certificate"
    DNS_SIGNED_KEY = 3, "RFC 7296", "DNS signed key"
    X509_SIGNATURE = 4, "RFC 7296", "X.509 certificate for signatures"
    KERBEROS_TOKEN = 6, "RFC 7296", "Kerberos token"
    CRL = 7, "RFC 7296", "certificate revocation list"
    ARL = 8, "RFC 7296", "authority revocation list"
    SPKI = 9, "RFC 7296", "SPKI certificate"
    X509_ATTRIBUTE = 10, "RFC 7296", "X.509 attribute certificate"
    RAW_RSA_KEY = 11, "RFC 7296", "raw RSA key (deprecated)"
    HASH_URL_X509 = 12, "RFC 7296", "hash and URL of an X.509 certificate"
    HASH_URL_BUNDLE = 13, "RFC 7296", "hash and URL of an X.509 bundle"
    OCSP = 14, "RFC 4806", "OCSP content"
    RAW_PUBLIC_KEY = 15, "RFC 7670", "raw public key"


class TsType(Registry):
    """RFC 7296 section 3.13.1."""

    TS_IPV4_ADDR_RANGE = 7, "RFC 7296", "range of IPv4 addresses"
    TS_IPV6_ADDR_RANGE = 8, "RFC 7296", "range of IPv6 addresses"
    TS_FC_ADDR_RANGE = 9, "RFC 4595", "range of Fibre Channel addresses"
    TS_SECLABEL = 10, "RFC 9478", "security label"


class ConfigType(Registry):
    """RFC 7296 section 3.15."""

    CFG_REQUEST = 1, "RFC 7296", "asks for configuration"
    CFG_REPLY = 2, "RFC 7296", "answers a request"
    CFG_SET = 3, "RFC 7296", "sets configuration"
    CFG_ACK = 4, "RFC 7296", "accepts what was set"


class ConfigAttribute(Registry):
    """RFC 7296 section 3.15.1."""

    INTERNAL_IP4_ADDRESS = 1, "RFC 7296", "address in the internal network"
    INTERNAL_IP4_NETMASK = 2, "RFC 7296", "netmask of the internal network"
    INTERNAL_IP4_DNS = 3, "RFC 7296", "DNS server"
    INTERNAL_IP4_NBNS = 4, "RFC 7296", "NetBIOS name server"
    INTERNAL_IP4_DHCP = 6, "RFC 7296", "DHCP server"
    APPLICATION_VERSION = 7, "RFC 7296", "version of the IPsec host"
    INTERNAL_IP6_ADDRESS = 8, "RFC 7296", "address in the internal network"
    INTERNAL_IP6_DNS = 10, "RFC 7296", "DNS server"
    INTERNAL_IP6_DHCP = 12, "RFC 7296", "DHCP server"
    INTERNAL_IP4_SUBNET = 13, "RFC 7296", "network that the gateway protects"
    SUPPORTED_ATTRIBUTES = 14, "RFC 7296", "attributes that are understood"
    INTERNAL_IP6_SUBNET = 15, "RFC 7296", "network that the gateway protects"


LAST_ERROR_NOTIFY = 16383  # RFC 7296 section 3.10.1: errors below 16384, status from there


class NotifyType(Registry):
    """RFC 7296 section 3.10.1."""

    UNSUPPORTED_CRITICAL_PAYLOAD = 1, "RFC 7296", "a critical payload is not understood"
    INVALID_IKE_SPI = 4, "RFC 7296", "the IKE SA is not known"
    INVALID_MAJOR_VERSION = 5, "RFC 7296", "that IKE version is not supported"
    INVALID_SYNTAX = 7, "RFC 7296", "the message is not well-formed"
    INVALID_MESSAGE_ID = 9, "RFC 7296", "the message ID is outside the window"
    INVALID_SPI = 11, "RFC 7296", "an ESP packet came for an SA that is not known"
    NO_PROPOSAL_CHOSEN = 14, "RFC 7296", "none of the proposals is acceptable"
    INVALID_KE_PAYLOAD = 17, "RFC 7296", "another key exchange group is wanted"
    AUTHENTICATION_FAILED = 24, "RFC 7296", "the authentication failed"
    SINGLE_PAIR_REQUIRED = 34, "RFC 7296", "only one pair of addresses is acceptable"
    NO_ADDITIONAL_SAS = 35, "RFC 7296", "no further SAs are accepted"
    INTERNAL_ADDRESS_FAILURE = 36, "RFC 7296", "no internal address can be given"
    FAILED_CP_REQUIRED = 37, "RFC 7296", "a configuration request was expected"
    TS_UNACCEPTABLE = 38, "RFC 7296", "the traffic selectors are not acceptable"
    INVALID_SELECTORS = 39, "RFC 7296", "a packet did not match the selectors of its SA"
    UNACCEPTABLE_ADDRESSES = 40, "RFC 4555", "the addresses are not acceptable"
    UNEXPECTED_NAT_DETECTED = 41, "RFC 4555", "a NAT was found where none may be"
    USE_ASSIGNED_HOA = 42, "RFC 5026", "another home address is to be used"
    TEMPORARY_FAILURE = 43, "RFC 7296", "not now: an SA is being rekeyed or closed"
    CHILD_SA_NOT_FOUND = 44, "RFC 7296", "the child SA is not known"
    INVALID_GROUP_ID = 45, "RFC 9838", "the group is not known"
    AUTHORIZATION_FAILED = 46, "RFC 9838", "not authorised for the group"
    STATE_NOT_FOUND = 47, "RFC 9370", "the state of a follow-up key exchange is not known"
    TS_MAX_QUEUE = 48, "RFC 9611", "no further per-resource SAs are accepted"

    INITIAL_CONTACT = 16384, "RFC 7296", "this is the only IKE SA between the two"
    SET_WINDOW_SIZE = 16385, "RFC 7296", "so many requests may be outstanding"
    ADDITIONAL_TS_POSSIBLE = 16386, "RFC 7296", "further selectors need an SA of their own"
    IPCOMP_SUPPORTED = 16387, "RFC 7296", "IP compression is possible"
    NAT_DETECTION_SOURCE_IP = 16388, "RFC 7296", "hash of the sender's address and port"
    NAT_DETECTION_DESTINATION_IP = 16389, "RFC 7296", "hash of the receiver's address and port"
    COOKIE = 16390, "RFC 7296", "to be returned, before state is made"
    USE_TRANSPORT_MODE = 16391, "RFC 7296", "transport mode is wanted"
    HTTP_CERT_LOOKUP_SUPPORTED = 16392, "RFC 7296", "certificates may be given as URL"
    REKEY_SA = 16393, "RFC 7296", "this SA is to be rekeyed"
    ESP_TFC_PADDING_NOT_SUPPORTED = (
        16394,
        "RFC 7296",
        "padding against traffic analysis is unwanted",
    )
    NON_FIRST_FRAGMENTS_ALSO = 16395, "RFC 7296", "fragments pass without a port check"
    MOBIKE_SUPPORTED = 16396, "RFC 4555", "addresses may move"
    ADDITIONAL_IP4_ADDRESS = 16397, "RFC 4555", "a further address"
    ADDITIONAL_IP6_ADDRESS = 16398, "RFC 4555", "a further address"
    NO_ADDITIONAL_ADDRESSES = 16399, "RFC 4555", "no further addresses"
    UPDATE_SA_ADDRESSES = 16400, "RFC 4555", "the addresses have moved"
    COOKIE2 = 16401, "RFC 4555", "return routability check"
    NO_NATS_ALLOWED = 16402, "RFC 4555", "no NAT may be in between"
    AUTH_LIFETIME = 16403, "RFC 4478", "authenticate again within this time"
    MULTIPLE_AUTH_SUPPORTED = 16404, "RFC 4739", "several authentications are possible"
    ANOTHER_AUTH_FOLLOWS = 16405, "RFC 4739", "a further authentication follows"
    REDIRECT_SUPPORTED = 16406, "RFC 5685", "redirection is possible"
    REDIRECT = 16407, "RFC 5685", "go to another gateway"
    REDIRECTED_FROM = 16408, "RFC 5685", "sent by another gateway"
    TICKET_LT_OPAQUE = 16409, "RFC 5723", "session resumption ticket"
    TICKET_REQUEST = 16410, "RFC 5723", "asks for a ticket"
    TICKET_ACK = 16411, "RFC 5723", "a ticket may follow"
    TICKET_NACK = 16412, "RFC 5723", "no ticket"
    TICKET_OPAQUE = 16413, "RFC 5723", "session resumption ticket"
    EAP_ONLY_AUTHENTICATION = 16417, "RFC 5998", "EAP alone may authenticate"
    CHILDLESS_IKEV2_SUPPORTED = 16418, "RFC 6023", "an IKE SA may stand without a child"
    QUICK_CRASH_DETECTION = 16419, "RFC 6290", "token that proves a crash"
    IKEV2_MESSAGE_ID_SYNC_SUPPORTED = 16420, "RFC 6311", "clusters: message IDs"
    IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED = 16421, "RFC 6311", "clusters: replay counters"
    IKEV2_MESSAGE_ID_SYNC = 16422, "RFC 6311", "clusters: message IDs"
    IPSEC_REPLAY_COUNTER_SYNC = 16423, "RFC 6311", "clusters: replay counters"
    SECURE_PASSWORD_METHODS = 16424, "RFC 6467", "secure password methods"
    ERX_SUPPORTED = 16427, "RFC 6867", "EAP re-authentication"
    IFOM_CAPABILITY = 16428, "3GPP", "flow mobility"
    IKEV2_FRAGMENTATION_SUPPORTED = 16430, "RFC 7383", "IKE fragmentation is possible"
    SIGNATURE_HASH_ALGORITHMS = 16431, "RFC 7427", "hash algorithms for signatures"
    CLONE_IKE_SA_SUPPORTED = 16432, "RFC 7791", "IKE SAs may be cloned"
    CLONE_IKE_SA = 16433, "RFC 7791", "clone this IKE SA"
    PUZZLE = 16434, "RFC 8019", "a puzzle to solve first"
    USE_PPK = 16435, "RFC 8784", "postquantum preshared key"
    PPK_IDENTITY = 16436, "RFC 8784", "identity of the postquantum preshared key"
    NO_PPK_AUTH = 16437, "RFC 8784", "authentication without it"
    INTERMEDIATE_EXCHANGE_SUPPORTED = 16438, "RFC 9242", "IKE_INTERMEDIATE is possible"
    IP4_ALLOWED = 16439, "RFC 8983", "IPv4 only"
    IP6_ALLOWED = 16440, "RFC 8983", "IPv6 only"
    ADDITIONAL_KEY_EXCHANGE = 16441, "RFC 9370", "links follow-up key exchanges"
    USE_AGGFRAG = 16442, "RFC 9347", "aggregation and fragmentation mode"
    SUPPORTED_AUTH_METHODS = 16443, "RFC 9593", "authentication methods"
    SA_RESOURCE_INFO = 16444, "RFC 9611", "resource of a per-resource SA"
    USE_PPK_INT = 16445, "RFC 9867", "postquantum preshared key in IKE_INTERMEDIATE"
    PPK_IDENTITY_KEY = 16446, "RFC 9867", "postquantum preshared key identities"

    @property
    def is_error(self) -> bool:
        return self.value <= LAST_ERROR_NOTIFY


class Flag:
    """Header flags, RFC 7296 section 3.1."""

    INITIATOR = 0x08  # set by the original initiator of the IKE SA
    VERSION = 0x10  # the sender could speak a higher major version
    RESPONSE = 0x20  # the message answers a request
