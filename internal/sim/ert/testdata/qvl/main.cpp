// Verifies, with Intel's Quote Verification Library, what is in the files of a
// folder, and prints the library's status of each step: 0 is good.
#include <SgxEcdsaAttestation/QuoteVerification.h>

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>

static std::string file(const std::string &path)
{
    std::ifstream f(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(f), {});
}

int main(int, char **argv)
{
    const std::string dir = std::string(argv[1]) + "/";
    const std::string quote = file(dir + "quote"), chain = file(dir + "chain.pem"), pck = file(dir + "pck.pem"), root = file(dir + "root.pem");
    const std::string rootList = file(dir + "root.crl"), pckList = file(dir + "pck.crl");
    const std::string tcbInfo = file(dir + "tcb.json"), qeIdentity = file(dir + "qe.json"), signers = file(dir + "signers.pem");
    const char *lists[] = {rootList.c_str(), pckList.c_str()};
    const time_t now = time(nullptr);
    printf("%d ", sgxAttestationVerifyPCKCertificate(chain.c_str(), lists, root.c_str(), &now));
    printf("%d ", sgxAttestationVerifyTCBInfo(tcbInfo.c_str(), signers.c_str(), rootList.c_str(), root.c_str(), &now));
    printf("%d ", sgxAttestationVerifyEnclaveIdentity(qeIdentity.c_str(), signers.c_str(), rootList.c_str(), root.c_str(), &now));
    printf("%d\n", sgxAttestationVerifyQuote(reinterpret_cast<const uint8_t *>(quote.data()), static_cast<uint32_t>(quote.size()),
                                             pck.c_str(), pckList.c_str(), tcbInfo.c_str(), qeIdentity.c_str()));
}
