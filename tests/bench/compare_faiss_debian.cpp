// compare_faiss_debian.cpp - the side of a FAISS that has a C++ interface only (Debian's); built by fetch_faiss.
//
//   compare_faiss_debian EMBEDDINGS.f32 CODEBOOKS.f32 CODES_OUT BEAM N D L LUT
//
// As compare_faiss_ours, but arrays are bare float32; K is 256. LUT 1: beam search by look-up tables.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <faiss/impl/ResidualQuantizer.h>

static std::vector<float> read_floats(const char *path, size_t count)
{
    std::vector<float> values(count);
    FILE *file = std::fopen(path, "rb");
    if (file == nullptr || std::fread(values.data(), sizeof(float), count, file) != count) {
        std::fprintf(stderr, "%s: has fewer than %zu numbers\n", path, count);
        std::exit(1);
    }
    std::fclose(file);
    return values;
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        std::fprintf(stderr, "usage: compare_faiss_debian X.f32 CODEBOOKS.f32 CODES_OUT BEAM N D L LUT\n");
        return 2;
    }
    size_t N = std::strtoul(argv[5], nullptr, 10);
    size_t D = std::strtoul(argv[6], nullptr, 10);
    size_t L = std::strtoul(argv[7], nullptr, 10);
    std::vector<float> x = read_floats(argv[1], N * D);
    faiss::ResidualQuantizer quantizer(D, L, 8);
    quantizer.codebooks = read_floats(argv[2], L * 256 * D);
    quantizer.is_trained = true;
    quantizer.max_beam_size = std::atoi(argv[4]);
    quantizer.use_beam_LUT = std::atoi(argv[8]);
    quantizer.compute_codebook_tables();
    std::vector<uint8_t> codes(N * quantizer.code_size);
    for (int round = 0; std::getchar() == '\n'; round++) {
        auto start = std::chrono::steady_clock::now();
        quantizer.compute_codes(x.data(), codes.data(), N);
        std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        if (round == 0) {
            FILE *file = std::fopen(argv[3], "wb");
            if (file == nullptr || std::fwrite(codes.data(), 1, codes.size(), file) != codes.size() ||
                std::fclose(file) != 0) {
                std::fprintf(stderr, "%s: cannot be written\n", argv[3]);
                return 1;
            }
        }
        std::printf("%.9f\n", took.count());
        std::fflush(stdout);
    }
    return 0;
}
