"""The numbers of IKEv1: ISAKMP (RFC 2408), the IPsec DOI (RFC 2407) and IKE (RFC 2409).

Algorithms have their own table, ``iana.algorithms``; here are the registries that they stand in,
complete enough that a log can name whatever a peer offers.
"""

from __future__ import annotations

from gatewright.iana.registry import Registry


class ExchangeType(Registry):
    """RFC 2408 section 3.1, and the phase 2 exchanges of RFC 2409 section 3.3."""

    BASE = 1, "RFC 2408 section 4.4", "base exchange"
    IDENTITY_PROTECTION = 2, "RFC 2408 section 4.5", "main mode"
    AUTHENTICATION_ONLY = 3, "RFC 2408 section 4.6", "authentication only exchange"
    AGGRESSIVE = 4, "RFC 2408 section 4.7", "aggressive mode"
    INFORMATIONAL = 5, "RFC 2408 section 4.8", "informational exchange"
    TRANSACTION = 6, "draft-ietf-ipsec-isakmp-mode-cfg", "mode configuration"
    QUICK_MODE = 32, "RFC 2409 section 5.5", "quick mode"
    NEW_GROUP_MODE = 33, "RFC 2409 section 5.6", "new group mode"


class HeaderFlag(Registry):
    """The flags of the header (RFC 2408 section 3.1)."""

    ENCRYPTION = 1, "RFC 2408", "the payloads are encrypted"
    COMMIT = 2, "RFC 2408", "wait for CONNECTED before using the SA"
    AUTHENTICATION_ONLY = 4, "RFC 2408", "authenticated but not encrypted"


class PayloadType(Registry):
    """RFC 2408 section 3.1, RFC 3947 section 3.2, and the private numbers in use."""

    NONE = 0, "RFC 2408", "no next payload"
    SECURITY_ASSOCIATION = 1, "RFC 2408", "security association"
    PROPOSAL = 2, "RFC 2408", "proposal"
    TRANSFORM = 3, "RFC 2408", "transform"
    KEY_EXCHANGE = 4, "RFC 2408", "key exchange"
    IDENTIFICATION = 5, "RFC 2408", "identification"
    CERTIFICATE = 6, "RFC 2408", "certificate"
    CERTIFICATE_REQUEST = 7, "RFC 2408", "certificate request"
    HASH = 8, "RFC 2408", "hash"
    SIGNATURE = 9, "RFC 2408", "signature"
    NONCE = 10, "RFC 2408", "nonce"
    NOTIFICATION = 11, "RFC 2408", "notification"
    DELETE = 12, "RFC 2408", "delete"
    VENDOR_ID = 13, "RFC 2408", "vendor ID"
    ATTRIBUTES = 14, "draft-ietf-ipsec-isakmp-mode-cfg", "mode configuration attributes"
    NAT_D = 20, "RFC 3947", "NAT discovery"
    NAT_OA = 21, "RFC 3947", "NAT original address"
    GSS = 129, "draft-ietf-ipsec-isakmp-gss-auth", "GSS-API token"
    NAT_D_DRAFT = 130, "draft-ietf-ipsec-nat-t-ike-02", "NAT discovery (draft)"
    NAT_OA_DRAFT = 131, "draft-ietf-ipsec-nat-t-ike-02", "NAT original address (draft)"
    FRAGMENT = 132, "MS-IKEE", "fragment of a message"


class Doi(Registry):
    """Domains of interpretation."""

    ISAKMP = 0, "RFC 2408", "generic ISAKMP"
    IPSEC = 1, "RFC 2407", "IPsec"


class Situation(Registry):
    """Bits of the situation (RFC 2407 section 4.2)."""

    IDENTITY_ONLY = 1, "RFC 2407", "identity only"
    SECRECY = 2, "RFC 2407", "labelled secrecy"
    INTEGRITY = 4, "RFC 2407", "labelled integrity"


class ProtocolId(Registry):
    """RFC 2407 section 4.4.1."""

    ISAKMP = 1, "RFC 2407", "ISAKMP"
    AH = 2, "RFC 2407", "AH"
    ESP = 3, "RFC 2407", "ESP"
    IPCOMP = 4, "RFC 2407", "IP compression"


class IsakmpTransform(Registry):
    """RFC 2407 section 4.4.2."""

    KEY_IKE = 1, "RFC 2407", "IKE"


class AhTransform(Registry):
    """RFC 2407 section 4.4.3, RFC 4868."""

    MD5 = 2, "RFC 2407", "HMAC-MD5"
    SHA = 3, "RFC 2407", "HMAC-SHA1"
    DES = 4, "RFC 2407", "DES-MAC"
    SHA2_256 = 5, "RFC 4868", "HMAC-SHA-256"
    SHA2_384 = 6, "RFC 4868", "HMAC-SHA-384"
    SHA2_512 = 7, "RFC 4868", "HMAC-SHA-512"
    RIPEMD = 8, "RFC 2857", "HMAC-RIPEMD"
    AES_XCBC_MAC = 9, "RFC 3566", "AES-XCBC-MAC"
    AES_128_GMAC = 11, "RFC 4543", "AES-128-GMAC"
    AES_192_GMAC = 12, "RFC 4543", "AES-192-GMAC"
    AES_256_GMAC = 13, "RFC 4543", "AES-256-GMAC"


class EspTransform(Registry):
    """RFC 2407 section 4.4.4 and later additions."""

    DES_IV64 = 1, "RFC 2407", "DES with a 64 bit IV"
    DES = 2, "RFC 2407", "DES-CBC"
    TRIPLE_DES = 3, "RFC 2407", "3DES-CBC"
    RC5 = 4, "RFC 2407", "RC5"
    IDEA = 5, "RFC 2407", "IDEA"
    CAST = 6, "RFC 2407", "CAST"
    BLOWFISH = 7, "RFC 2407", "Blowfish"
    TRIPLE_IDEA = 8, "RFC 2407", "triple IDEA"
    DES_IV32 = 9, "RFC 2407", "DES with a 32 bit IV"
    RC4 = 10, "RFC 2407", "RC4"
    NULL = 11, "RFC 2407", "no encryption"
    AES_CBC = 12, "RFC 3602", "AES-CBC"
    AES_CTR = 13, "RFC 3686", "AES-CTR"
    AES_CCM_8 = 14, "RFC 4309", "AES-CCM with an ICV of 8 octets"
    AES_CCM_12 = 15, "RFC 4309", "AES-CCM with an ICV of 12 octets"
    AES_CCM_16 = 16, "RFC 4309", "AES-CCM with an ICV of 16 octets"
    AES_GCM_8 = 18, "RFC 4106", "AES-GCM with an ICV of 8 octets"
    AES_GCM_12 = 19, "RFC 4106", "AES-GCM with an ICV of 12 octets"
    AES_GCM_16 = 20, "RFC 4106", "AES-GCM with an ICV of 16 octets"
    SEED_CBC = 21, "RFC 4196", "SEED-CBC"
    CAMELLIA_CBC = 22, "RFC 4312", "Camellia-CBC"
    NULL_AUTH_AES_GMAC = 23, "RFC 4543", "AES-GMAC without encryption"


class PhaseOneAttribute(Registry):
    """Attribute classes of phase 1 (RFC 2409 appendix A)."""

    ENCRYPTION = 1, "RFC 2409", "encryption algorithm"
    HASH = 2, "RFC 2409", "hash algorithm"
    AUTHENTICATION_METHOD = 3, "RFC 2409", "authentication method"
    GROUP_DESCRIPTION = 4, "RFC 2409", "Diffie-Hellman group"
    GROUP_TYPE = 5, "RFC 2409", "group type"
    GROUP_PRIME = 6, "RFC 2409", "group prime"
    GROUP_GENERATOR_ONE = 7, "RFC 2409", "group generator one"
    GROUP_GENERATOR_TWO = 8, "RFC 2409", "group generator two"
    GROUP_CURVE_A = 9, "RFC 2409", "group curve A"
    GROUP_CURVE_B = 10, "RFC 2409", "group curve B"
    LIFE_TYPE = 11, "RFC 2409", "unit of the lifetime"
    LIFE_DURATION = 12, "RFC 2409", "lifetime"
    PRF = 13, "RFC 2409", "pseudo-random function"
    KEY_LENGTH = 14, "RFC 2409", "key length"
    FIELD_SIZE = 15, "RFC 2409", "field size"
    GROUP_ORDER = 16, "RFC 2409", "group order"
    GSS_IDENTITY_NAME = 16384, "draft-ietf-ipsec-isakmp-gss-auth", "GSS-API identity name"


class EncryptionAlgorithm(Registry):
    """Values of the phase 1 encryption attribute (RFC 2409 appendix A, RFC 3602, RFC 4312)."""

    DES_CBC = 1, "RFC 2409", "DES-CBC"
    IDEA_CBC = 2, "RFC 2409", "IDEA-CBC"
    BLOWFISH_CBC = 3, "RFC 2409", "Blowfish-CBC"
    RC5_CBC = 4, "RFC 2409", "RC5-CBC"
    TRIPLE_DES_CBC = 5, "RFC 2409", "3DES-CBC"
    CAST_CBC = 6, "RFC 2409", "CAST-CBC"
    AES_CBC = 7, "RFC 3602", "AES-CBC"
    CAMELLIA_CBC = 8, "RFC 4312", "Camellia-CBC"


class HashAlgorithm(Registry):
    """Values of the phase 1 hash attribute (RFC 2409 appendix A, RFC 4868)."""

    MD5 = 1, "RFC 2409", "MD5"
    SHA = 2, "RFC 2409", "SHA-1"
    TIGER = 3, "RFC 2409", "Tiger"
    SHA2_256 = 4, "RFC 4868", "SHA-256"
    SHA2_384 = 5, "RFC 4868", "SHA-384"
    SHA2_512 = 6, "RFC 4868", "SHA-512"


class AuthenticationMethod(Registry):
    """Values of the phase 1 authentication method attribute."""

    PRESHARED_KEY = 1, "RFC 2409", "preshared key"
    DSS_SIGNATURES = 2, "RFC 2409", "DSS signatures"
    RSA_SIGNATURES = 3, "RFC 2409", "certificate with RSA signatures"
    RSA_ENCRYPTION = 4, "RFC 2409", "RSA encryption"
    RSA_REVISED_ENCRYPTION = 5, "RFC 2409", "revised RSA encryption"
    ECDSA_256 = 9, "RFC 4754", "certificate with ECDSA P-256"
    ECDSA_384 = 10, "RFC 4754", "certificate with ECDSA P-384"
    ECDSA_521 = 11, "RFC 4754", "certificate with ECDSA P-521"
    KERBEROS = 65001, "draft-ietf-ipsec-isakmp-gss-auth", "Kerberos (or XAUTH with preshared key)"


class LifeType(Registry):
    """Units of a lifetime, in both phases."""

    SECONDS = 1, "RFC 2409", "seconds"
    KILOBYTES = 2, "RFC 2409", "kilobytes"


class IpsecAttribute(Registry):
    """Attribute classes of phase 2 (RFC 2407 section 4.5)."""

    LIFE_TYPE = 1, "RFC 2407", "unit of the lifetime"
    LIFE_DURATION = 2, "RFC 2407", "lifetime"
    GROUP_DESCRIPTION = 3, "RFC 2407", "Diffie-Hellman group"
    ENCAPSULATION_MODE = 4, "RFC 2407", "encapsulation mode"
    AUTHENTICATION_ALGORITHM = 5, "RFC 2407", "authentication algorithm"
    KEY_LENGTH = 6, "RFC 2407", "key length"
    KEY_ROUNDS = 7, "RFC 2407", "key rounds"
    COMPRESS_DICTIONARY_SIZE = 8, "RFC 2407", "compression dictionary size"
    COMPRESS_PRIVATE_ALGORITHM = 9, "RFC 2407", "private compression algorithm"
    ECN_TUNNEL = 10, "RFC 3168", "ECN in the tunnel"
    EXTENDED_SEQUENCE_NUMBER = 11, "RFC 4304", "extended sequence numbers"


class EncapsulationMode(Registry):
    """RFC 2407 section 4.5, RFC 3947 section 5.1 and its draft 02."""

    TUNNEL = 1, "RFC 2407", "tunnel"
    TRANSPORT = 2, "RFC 2407", "transport"
    UDP_TUNNEL = 3, "RFC 3947", "tunnel in UDP"
    UDP_TRANSPORT = 4, "RFC 3947", "transport in UDP"
    UDP_TUNNEL_DRAFT = 61443, "draft-ietf-ipsec-nat-t-ike-02", "tunnel in UDP (draft)"
    UDP_TRANSPORT_DRAFT = 61444, "draft-ietf-ipsec-nat-t-ike-02", "transport in UDP (draft)"


class AuthenticationAlgorithm(Registry):
    """Values of the phase 2 authentication algorithm attribute (RFC 2407, RFC 4868)."""

    HMAC_MD5 = 1, "RFC 2407", "HMAC-MD5"
    HMAC_SHA = 2, "RFC 2407", "HMAC-SHA1"
    DES_MAC = 3, "RFC 2407", "DES-MAC"
    KPDK = 4, "RFC 2407", "key/pad/data/key"
    HMAC_SHA2_256 = 5, "RFC 4868", "HMAC-SHA-256"
    HMAC_SHA2_384 = 6, "RFC 4868", "HMAC-SHA-384"
    HMAC_SHA2_512 = 7, "RFC 4868", "HMAC-SHA-512"
    HMAC_RIPEMD = 8, "RFC 2857", "HMAC-RIPEMD"
    AES_XCBC_MAC = 9, "RFC 3566", "AES-XCBC-MAC"


class IdType(Registry):
    """RFC 2407 section 4.6.2.1."""

    IPV4_ADDR = 1, "RFC 2407", "IPv4 address"
    FQDN = 2, "RFC 2407", "domain name"
    USER_FQDN = 3, "RFC 2407", "user@domain"
    IPV4_ADDR_SUBNET = 4, "RFC 2407", "IPv4 subnet"
    IPV6_ADDR = 5, "RFC 2407", "IPv6 address"
    IPV6_ADDR_SUBNET = 6, "RFC 2407", "IPv6 subnet"
    IPV4_ADDR_RANGE = 7, "RFC 2407", "IPv4 range"
    IPV6_ADDR_RANGE = 8, "RFC 2407", "IPv6 range"
    DER_ASN1_DN = 9, "RFC 2407", "distinguished name"
    DER_ASN1_GN = 10, "RFC 2407", "general name"
    KEY_ID = 11, "RFC 2407", "key ID"


class NotifyType(Registry):
    """RFC 2408 section 3.14.1, RFC 2407 section 4.6.3, RFC 3706, MS-IKEE section 2.2.6."""

    INVALID_PAYLOAD_TYPE = 1, "RFC 2408", "a payload that is not understood"
    DOI_NOT_SUPPORTED = 2, "RFC 2408", "another domain of interpretation"
    SITUATION_NOT_SUPPORTED = 3, "RFC 2408", "another situation"
    INVALID_COOKIE = 4, "RFC 2408", "the SA that was addressed does not exist there"
    INVALID_MAJOR_VERSION = 5, "RFC 2408", "another major version"
    INVALID_MINOR_VERSION = 6, "RFC 2408", "another minor version"
    INVALID_EXCHANGE_TYPE = 7, "RFC 2408", "an exchange that is not supported"
    INVALID_FLAGS = 8, "RFC 2408", "wrong flags"
    INVALID_MESSAGE_ID = 9, "RFC 2408", "wrong message ID"
    INVALID_PROTOCOL_ID = 10, "RFC 2408", "wrong protocol ID"
    INVALID_SPI = 11, "RFC 2408", "wrong SPI"
    INVALID_TRANSFORM_ID = 12, "RFC 2408", "wrong transform ID"
    ATTRIBUTES_NOT_SUPPORTED = 13, "RFC 2408", "attributes that are not supported"
    NO_PROPOSAL_CHOSEN = 14, "RFC 2408", "none of the proposals is acceptable"
    BAD_PROPOSAL_SYNTAX = 15, "RFC 2408", "a proposal that is not well-formed"
    PAYLOAD_MALFORMED = 16, "RFC 2408", "a payload that is not well-formed"
    INVALID_KEY_INFORMATION = 17, "RFC 2408", "wrong key exchange data"
    INVALID_ID_INFORMATION = 18, "RFC 2408", "an identification that is not acceptable"
    INVALID_CERT_ENCODING = 19, "RFC 2408", "wrong certificate encoding"
    INVALID_CERTIFICATE = 20, "RFC 2408", "wrong certificate"
    CERT_TYPE_UNSUPPORTED = 21, "RFC 2408", "certificate type that is not supported"
    INVALID_CERT_AUTHORITY = 22, "RFC 2408", "wrong certificate authority"
    INVALID_HASH_INFORMATION = 23, "RFC 2408", "wrong hash"
    AUTHENTICATION_FAILED = 24, "RFC 2408", "authentication failed"
    INVALID_SIGNATURE = 25, "RFC 2408", "wrong signature"
    ADDRESS_NOTIFICATION = 26, "RFC 2408", "address notification"
    NOTIFY_SA_LIFETIME = 27, "RFC 2408", "SA lifetime"
    CERTIFICATE_UNAVAILABLE = 28, "RFC 2408", "certificate unavailable"
    UNSUPPORTED_EXCHANGE_TYPE = 29, "RFC 2408", "an exchange that is not supported"
    UNEQUAL_PAYLOAD_LENGTHS = 30, "RFC 2408", "lengths that contradict each other"
    CONNECTED = 16384, "RFC 2408", "the SA is in use (answer to the commit bit)"
    RESPONDER_LIFETIME = 24576, "RFC 2407", "the responder's lifetime"
    REPLAY_STATUS = 24577, "RFC 2407", "whether replay is detected"
    INITIAL_CONTACT = 24578, "RFC 2407", "the sender has no other SA with the receiver"
    R_U_THERE = 36136, "RFC 3706", "liveness question"
    R_U_THERE_ACK = 36137, "RFC 3706", "liveness answer"
    NOTIFY_STATUS = 40003, "MS-IKEE", "the reason of a failure"
    NOTIFY_DOS_COOKIE = 40004, "MS-IKEE", "a cookie to return under load"
    EXCHANGE_INFO = 40005, "MS-IKEE", "negotiation discovery flags"

    @property
    def is_error(self) -> bool:
        """Errors have numbers below 16384 (RFC 2408 section 3.14.1)."""
        return self < NotifyType.CONNECTED or self is NotifyType.NOTIFY_STATUS
