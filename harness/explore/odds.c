/* SPDX-License-Identifier: Apache-2.0 */
#include "explore/odds.h"

#include "base/assert.h"
#include "rpc/server.h"
#include "world/sim.h"

#define ALWAYS 0
#define DIRECT LR_HAS(LR_FEATURE_DIRECT)
#define SLOTS LR_HAS(LR_FEATURE_SLOTS)
#define LEGACY LR_HAS(LR_FEATURE_LEGACY)
#define TIMEOUTS LR_HAS(LR_FEATURE_TIMEOUTS)
#define PRIORITY LR_HAS(LR_FEATURE_PRIORITY)
#define CALLS LR_HAS(LR_FEATURE_CALLS)
#define ARRAYS LR_HAS(LR_FEATURE_ARRAYS)
#define LARGE LR_HAS(LR_FEATURE_LARGE)
#define FILES LR_HAS(LR_FEATURE_FILES)
#define HOLDERS LR_HAS(LR_FEATURE_HOLDERS)
#define BUSY LR_HAS(LR_FEATURE_BUSY)
#define IDLE LR_HAS(LR_FEATURE_IDLE)
#define FLOODS LR_HAS(LR_FEATURE_FLOODS)
#define CUTS LR_HAS(LR_FEATURE_CUTS)
#define DEATHS LR_HAS(LR_FEATURE_DEATHS)
#define SILENCE LR_HAS(LR_FEATURE_SILENCE)
#define SPOILT LR_HAS(LR_FEATURE_SPOILT)
#define STALLS LR_HAS(LR_FEATURE_STALLS)
#define SYSTEM LR_HAS(LR_FEATURE_SYSTEM)
#define MEMORY LR_HAS(LR_FEATURE_MEMORY)
#define SLOW LR_HAS(LR_FEATURE_SLOW)
#define SEGMENTS LR_HAS(LR_FEATURE_SEGMENTS)
#define LIARS LR_HAS(LR_FEATURE_LIARS)
#define END                                                                                        \
    { 0, 0, 0 }

/* In how many of 100 runs a feature is there. */
static const struct lr_feature_row feature_rows[LR_FEATURE_COUNT] = {
    [LR_FEATURE_DIRECT] = {"direct", 25, "servers without a tracker"},
    [LR_FEATURE_SLOTS] = {"slots", 40, "servers of several sessions"},
    [LR_FEATURE_SHARED] = {"shared", 15, "servers that look for a free port in one range"},
    [LR_FEATURE_LEGACY] = {"legacy", 50, "servers of the older dialect"},
    [LR_FEATURE_CROWD] = {"crowd", 35, "more clients than servers can have"},
    [LR_FEATURE_TIMEOUTS] = {"timeouts", 35, "session timeouts"},
    [LR_FEATURE_PRIORITY] = {"priority", 30, "requests of several priorities"},
    [LR_FEATURE_CALLS] = {"calls", 75, "calls of functions, right and wrong ones"},
    [LR_FEATURE_ARRAYS] = {"arrays", 45, "remote memory"},
    [LR_FEATURE_LARGE] = {"large", 2, "transfers of over 4 MiB, now and then"},
    [LR_FEATURE_FILES] = {"files", 40, "uploads and downloads"},
    [LR_FEATURE_HOLDERS] = {"holders", 50, "references and kept functions"},
    [LR_FEATURE_BUSY] = {"busy", 35, "calls that last"},
    [LR_FEATURE_IDLE] = {"idle", 20, "pauses long enough for timers"},
    [LR_FEATURE_PEERS] = {"peers", 30, "raw peers"},
    [LR_FEATURE_FLOODS] = {"floods", 5, "more questions than there is room for answers"},
    [LR_FEATURE_CUTS] = {"cuts", 45, "links cut, with FIN, RST or half"},
    [LR_FEATURE_DEATHS] = {"deaths", 35, "processes that are killed, stopped or started anew"},
    [LR_FEATURE_SILENCE] = {"silence", 20, "black holes, hosts off the net, and its parts apart"},
    [LR_FEATURE_SPOILT] = {"spoilt", 20, "links on which other bytes arrive than were sent"},
    [LR_FEATURE_STALLS] = {"stalls", 15, "links and processes that stand still for a while"},
    [LR_FEATURE_SYSTEM] = {"system", 20, "short reads and writes, interrupts, the wall clock"},
    [LR_FEATURE_MEMORY] = {"memory", 10, "allocations of roles that fail"},
    [LR_FEATURE_SLOW] = {"slow", 35, "latency, jitter, a narrow link"},
    [LR_FEATURE_SEGMENTS] = {"segments", 30, "what is sent comes in pieces"},
    [LR_FEATURE_LIARS] = {"liars", 15, "servers and trackers that lie"},
    [LR_FEATURE_PROGRAMS] = {"programs", 20, "clients that are programs in CPython or C++"},
    [LR_FEATURE_ODD] = {"odd", 3, "a server with a key that nobody may be able to say"},
};

const struct lr_feature_row *lr_feature_row(unsigned int feature) {
    LR_ASSERT(feature < LR_FEATURE_COUNT);
    return &feature_rows[feature];
}

uint32_t lr_odds_draw(const struct lr_odds *odds, uint32_t features, struct lr_prng *random) {
    uint64_t sum = 0;
    for (const struct lr_odds *row = odds; row->weight != 0; row++) {
        sum += row->needs == 0 || (row->needs & features) != 0 ? row->weight : 0;
    }
    LR_ASSERT(sum > 0);
    uint64_t at = lr_prng_below(random, sum);
    for (const struct lr_odds *row = odds;; row++) {
        uint64_t weight = row->needs == 0 || (row->needs & features) != 0 ? row->weight : 0;
        if (at < weight) {
            return row->value;
        }
        at -= weight;
    }
}

/* ---- who is there ---- */

const struct lr_odds lr_odds_servers[] = {{1, 40, 0}, {2, 25, 0}, {3, 15, 0}, {4, 10, 0},
                                          {5, 5, 0},  {6, 5, 0},  END};
const struct lr_odds lr_odds_clients[] = {{1, 15, 0}, {2, 25, 0}, {3, 25, 0}, {4, 20, 0},
                                          {5, 10, 0}, {6, 5, 0},  END};
const struct lr_odds lr_odds_crowd[] = {{6, 30, 0}, {8, 35, 0}, {10, 20, 0}, {12, 15, 0}, END};
/* Of lr_plan_key: plain ones, with colons, with what is escaped. */
const struct lr_odds lr_odds_keys[] = {{0, 55, 0}, {1, 20, 0}, {2, 10, 0},
                                       {3, 10, 0}, {4, 5, 0},  END};
const struct lr_odds lr_odds_slots[] = {
    {1, 70, 0}, {2, 40, SLOTS}, {3, 20, SLOTS}, {4, 10, SLOTS}, END};
const struct lr_odds lr_odds_dialect[] = {
    {LR_SPEAK_AUTO, 30, 0}, {LR_SPEAK_FFI, 30, 0}, {LR_SPEAK_LEGACY, 40, LEGACY}, END};

/* ---- what actors do ---- */

const struct lr_odds lr_odds_steps[] = {{4, 5, 0},   {8, 15, 0},  {12, 25, 0},
                                        {16, 30, 0}, {24, 25, 0}, END};
const struct lr_odds lr_odds_client_do[] = {{LR_DO_REQUEST, 16, 0},
                                            {LR_DO_CONNECT, 8, DIRECT | LIARS},
                                            {LR_DO_PASS, 5, 0},
                                            {LR_DO_SUMMARY, 2, 0},
                                            {LR_DO_CALL, 24, CALLS},
                                            {LR_DO_WRITE, 8, ARRAYS},
                                            {LR_DO_READ, 8, ARRAYS},
                                            {LR_DO_FREE, 3, ARRAYS},
                                            {LR_DO_UPLOAD, 6, FILES},
                                            {LR_DO_DOWNLOAD, 6, FILES},
                                            {LR_DO_KEEP, 6, HOLDERS},
                                            {LR_DO_USE, 8, HOLDERS},
                                            {LR_DO_DROP, 3, HOLDERS},
                                            {LR_DO_BUSY, 5, BUSY},
                                            {LR_DO_STRAY, 5, HOLDERS},
                                            {LR_DO_REF, 4, HOLDERS},
                                            {LR_DO_UNREF, 4, HOLDERS},
                                            {LR_DO_CLOSE, 6, 0},
                                            {LR_DO_SCOPE, 5, 0},
                                            {LR_DO_UNREF, 3, 0},
                                            END};
/* Most of what a program does is with its own objects. */
const struct lr_odds lr_odds_program_do[] = {{LR_DO_REQUEST, 10, 0}, {LR_DO_PASS, 3, 0},
                                             {LR_DO_CALL, 4, CALLS}, {LR_DO_CLOSE, 2, 0},
                                             {LR_DO_PROGRAM, 80, 0}, END};
const struct lr_odds lr_odds_python[] = {{LR_PROGRAM_DEL, 14, 0},
                                         {LR_PROGRAM_COPY, 2, 0},
                                         {LR_PROGRAM_LIST, 2, 0},
                                         {LR_PROGRAM_DICT, 2, 0},
                                         {LR_PROGRAM_TUPLE, 2, 0},
                                         {LR_PROGRAM_SET, 1, 0},
                                         {LR_PROGRAM_THREAD_LOCAL, 2, 0},
                                         {LR_PROGRAM_OBJECT, 4, 0},
                                         {LR_PROGRAM_CLASS, 2, 0},
                                         {LR_PROGRAM_CLOSURE, 2, 0},
                                         {LR_PROGRAM_DEFAULT, 3, 0},
                                         {LR_PROGRAM_METHOD, 2, 0},
                                         {LR_PROGRAM_SAVER, 4, 0},
                                         {LR_PROGRAM_RING, 6, 0},
                                         {LR_PROGRAM_POOL, 6, 0},
                                         {LR_PROGRAM_WATCHER, 4, 0},
                                         {LR_PROGRAM_STORE, 4, 0},
                                         {LR_PROGRAM_WEAKREF, 8, 0},
                                         {LR_PROGRAM_FINALIZE, 5, 0},
                                         {LR_PROGRAM_ATEXIT, 2, 0},
                                         {LR_PROGRAM_KEPT_ERROR, 3, 0},
                                         {LR_PROGRAM_KEPT_BELOW, 3, 0},
                                         {LR_PROGRAM_KEPT_BEFORE, 3, 0},
                                         {LR_PROGRAM_HANDLED, 4, 0},
                                         {LR_PROGRAM_UNCAUGHT, 3, 0},
                                         {LR_PROGRAM_ADDRESS, 5, 0},
                                         {LR_PROGRAM_GENERATOR, 2, 0},
                                         {LR_PROGRAM_GENERATOR_WITH, 4, 0},
                                         {LR_PROGRAM_WITH, 1, 0},
                                         {LR_PROGRAM_WITH_ERROR, 3, 0},
                                         {LR_PROGRAM_LOCALS, 4, 0},
                                         {LR_PROGRAM_THREAD, 1, 0},
                                         {LR_PROGRAM_THREAD_ERROR, 2, 0},
                                         {LR_PROGRAM_FORGET, 4, 0},
                                         {LR_PROGRAM_COLLECT_0, 5, 0},
                                         {LR_PROGRAM_COLLECT_1, 5, 0},
                                         {LR_PROGRAM_COLLECT_2, 7, 0},
                                         {LR_PROGRAM_FEW, 7, 0},
                                         {LR_PROGRAM_MANY, 3, 0},
                                         {LR_PROGRAM_GC_OFF, 1, 0},
                                         {LR_PROGRAM_GC_ON, 1, 0},
                                         {LR_PROGRAM_EXIT, 3, 0},
                                         END};
const struct lr_odds lr_odds_native[] = {{LR_PROGRAM_DEL, 30, 0},      {LR_PROGRAM_COPY, 20, 0},
                                         {LR_PROGRAM_OBJECT, 20, 0},   {LR_PROGRAM_RING, 4, 0},
                                         {LR_PROGRAM_OBSERVER, 10, 0}, {LR_PROGRAM_STORE, 10, 0},
                                         {LR_PROGRAM_EXIT, 3, 0},      END};
const struct lr_odds lr_odds_call[] = {{LR_CALL_ADDONE, 50, 0},    {LR_CALL_STRCAT, 20, 0},
                                       {LR_CALL_EXCEPT, 8, 0},     {LR_CALL_WRONG_COUNT, 6, 0},
                                       {LR_CALL_UNKNOWN, 6, 0},    {LR_CALL_EVALUATE, 4, BUSY},
                                       {LR_CALL_ARRAY, 6, ARRAYS}, END};
/* Bytes of an array or a file: an empty one, the edges of buffers, more than a segment. */
const struct lr_odds lr_odds_size[] = {{1, 10, 0},     {7, 15, 0},          {64, 25, 0},
                                       {1000, 25, 0},  {4096, 15, 0},       {65537, 5, 0},
                                       {300000, 1, 0}, {4300001, 8, LARGE}, END};
const struct lr_odds lr_odds_pause_ms[] = {{0, 25, 0},
                                           {1, 35, 0},
                                           {5, 25, 0},
                                           {40, 10, 0},
                                           {400, 3, 0},
                                           {1500, 15, IDLE},
                                           {2500, 10, IDLE},
                                           {7000, 5, IDLE},
                                           {20000, 2, IDLE},
                                           {50000, 2, IDLE},
                                           END};
const struct lr_odds lr_odds_busy_ms[] = {
    {1, 20, 0}, {10, 40, 0}, {100, 30, 0}, {3000, 10, 0}, END};
const struct lr_odds lr_odds_timeout_ms[] = {
    {0, 60, 0},           {100, 20, TIMEOUTS},   {500, 30, TIMEOUTS},
    {2000, 20, TIMEOUTS}, {30000, 10, TIMEOUTS}, END};
/* Until a request is given up. */
const struct lr_odds lr_odds_limit_ms[] = {
    {20, 10, 0}, {300, 30, 0}, {3000, 50, 0}, {9000, 10, 0}, END};
/* How often a request is put whose server refuses, or is gone. */
const struct lr_odds lr_odds_tries[] = {{5, 60, 0}, {1, 15, 0}, {2, 25, 0}, END};
/* As 100 + priority. */
const struct lr_odds lr_odds_priority[] = {{101, 60, 0},        {100, 10, PRIORITY},
                                           {102, 20, PRIORITY}, {110, 10, PRIORITY},
                                           {95, 10, PRIORITY},  END};

/* ---- raw peers ---- */

/* A REQUEST of theirs asks the tracker for a server, whom the next OPEN may go to. */
const struct lr_odds lr_odds_peer_do[] = {
    {LR_DO_OPEN, 25, 0}, {LR_DO_SAY, 45, 0},  {LR_DO_REQUEST, 12, 0},
    {LR_DO_PASS, 8, 0},  {LR_DO_HUSH, 4, 0},  {LR_DO_FINISH, 3, 0},
    {LR_DO_END, 4, 0},   {LR_DO_RESET, 4, 0}, END};
const struct lr_odds lr_odds_tracker_line[] = {{LR_LINE_MAGIC, 10, 0},
                                               {LR_LINE_WRONG_MAGIC, 5, 0},
                                               {LR_LINE_PING, 8, 0},
                                               {LR_LINE_REQUEST, 15, 0},
                                               {LR_LINE_PUT, 12, 0},
                                               {LR_LINE_PUT_UNKNOWN, 10, 0},
                                               {LR_LINE_PROXY, 10, 0},
                                               {LR_LINE_PLAIN_INFO, 8, 0},
                                               {LR_LINE_EMPTY, 6, 0},
                                               {LR_LINE_NO_JSON, 6, 0},
                                               {LR_LINE_WRONG_SHAPE, 6, 0},
                                               {LR_LINE_UNKNOWN_CODE, 6, 0},
                                               {LR_LINE_BLANK, 6, 0},
                                               {LR_LINE_SUMMARIES, 20, FLOODS},
                                               END};
const struct lr_odds lr_odds_server_line[] = {{LR_LINE_RPC_MAGIC, 8, 0},
                                              {LR_LINE_RPC_WRONG_MAGIC, 6, 0},
                                              {LR_LINE_WRONG_KEY, 8, 0},
                                              {LR_LINE_PART_OF_KEY, 10, 0},
                                              {LR_LINE_NO_KEY, 6, 0},
                                              {LR_LINE_HELLO, 15, 0},
                                              {LR_LINE_INIT, 12, 0},
                                              {LR_LINE_OTHER_VERSION, 8, 0},
                                              {LR_LINE_LOOK_UP, 12, 0},
                                              {LR_LINE_FREE_NOTHING, 6, 0},
                                              {LR_LINE_SHUTDOWN, 10, 0},
                                              {LR_LINE_BAD_LENGTH, 5, 0},
                                              {LR_LINE_MANY_CALLS, 30, FLOODS},
                                              END};
/* How much of a line is kept back, in percent: then the peer stops in the middle of it. */
const struct lr_odds lr_odds_said[] = {{0, 70, 0}, {10, 8, 0}, {50, 12, 0}, {80, 10, 0}, END};

/* ---- services that lie ---- */

const struct lr_odds lr_odds_liar[] = {
    {LR_ACTOR_LIAR, 70, 0}, {LR_ACTOR_LYING_TRACKER, 30, 0}, END};
/* One that has but one tells it to everybody. */
const struct lr_odds lr_odds_lies[] = {{1, 40, 0}, {2, 30, 0}, {3, 20, 0}, {6, 10, 0}, END};
/* To which question. */
const struct lr_odds lr_odds_asked[] = {{LR_ASKED_HELLO, 40, 0},
                                        {LR_ASKED_INIT, 20, 0},
                                        {LR_ASKED_CALL, 25, 0},
                                        {LR_ASKED_FREE, 15, 0},
                                        END};
const struct lr_odds lr_odds_tracker_asked[] = {{LR_ASKED_MAGIC, 20, 0},
                                                {LR_ASKED_INFO, 30, 0},
                                                {LR_ASKED_PUT, 30, 0},
                                                {LR_ASKED_PENDING, 20, 0},
                                                END};
/* Of those that are an answer to it; the truth always is. */
const struct lr_odds lr_odds_lie[] = {{LR_LIE_TRUTH, 5, 0},     {LR_LIE_SILENCE, 10, 0},
                                      {LR_LIE_HALF, 12, 0},     {LR_LIE_FIN, 12, 0},
                                      {LR_LIE_RST, 12, 0},      {LR_LIE_WRONG_MAGIC, 10, 0},
                                      {LR_LIE_LENGTH, 10, 0},   {LR_LIE_NONSENSE, 10, 0},
                                      {LR_LIE_TWICE, 20, 0},    {LR_LIE_NO_MATCH, 30, 0},
                                      {LR_LIE_QUESTION, 12, 0}, {LR_LIE_EXCEPTION, 10, 0},
                                      {LR_LIE_SHUTDOWN, 8, 0},  {LR_LIE_MINUS_ONE, 20, 0},
                                      {LR_LIE_NUMBERS, 10, 0},  END};

/* ---- faults ---- */

const struct lr_odds lr_odds_faults[] = {{1, 35, 0}, {2, 30, 0}, {3, 20, 0}, {6, 15, 0}, END};
const struct lr_odds lr_odds_fault[] = {{LR_PLAN_FIN, 10, CUTS},
                                        {LR_PLAN_RST, 12, CUTS},
                                        {LR_PLAN_HALF_CLOSE, 8, CUTS},
                                        {LR_PLAN_STORM, 2, CUTS},
                                        {LR_PLAN_BLACK_HOLE, 8, SILENCE},
                                        {LR_PLAN_LOSE, 8, SILENCE},
                                        {LR_PLAN_POWER_OFF, 6, SILENCE},
                                        {LR_PLAN_PARTITION, 6, SILENCE},
                                        {LR_PLAN_KILL, 12, DEATHS},
                                        {LR_PLAN_STOP, 6, DEATHS},
                                        {LR_PLAN_RESTART, 4, DEATHS},
                                        {LR_PLAN_CORRUPT, 12, SPOILT},
                                        {LR_PLAN_TRUNCATE, 7, SPOILT},
                                        {LR_PLAN_CORRUPT_LENGTH, 7, SPOILT},
                                        {LR_PLAN_GARBAGE, 7, SPOILT},
                                        {LR_PLAN_STALL, 10, STALLS},
                                        {LR_PLAN_FREEZE, 6, STALLS},
                                        {LR_PLAN_CLOCK_JUMP, 10, SYSTEM},
                                        {LR_PLAN_SHORT_READS, 7, SYSTEM},
                                        {LR_PLAN_SHORT_WRITES, 7, SYSTEM},
                                        {LR_PLAN_INTERRUPTS, 7, SYSTEM},
                                        {LR_PLAN_NO_MEMORY, 10, MEMORY},
                                        END};
const struct lr_odds lr_odds_when[] = {{LR_WHEN_TIME, 20, 0},
                                       {LR_WHEN_STEP, 20, 0},
                                       {LR_WHEN_BEGUN, 30, 0},
                                       {LR_WHEN_BYTES, 30, 0},
                                       END};
/* After the beginning, or after a step begins. */
const struct lr_odds lr_odds_fault_ms[] = {{0, 35, 0},  {1, 20, 0},  {2, 8, 0},
                                           {3, 7, 0},   {5, 12, 0},  {30, 10, 0},
                                           {220, 4, 0}, {500, 4, 0}, END};
/* Of a link that is there: so many bytes more pass. */
const struct lr_odds lr_odds_fault_bytes[] = {{0, 60, 0},  {3, 10, 0}, {10, 10, 0}, {14, 5, 0},
                                              {30, 10, 0}, {70, 5, 0}, END};
/* The step that it comes with: any one, or the next one that opens, copies or ends. */
const struct lr_odds lr_odds_aim[] = {
    {LR_AIM_ANY, 40, 0}, {LR_AIM_OPEN, 20, 0}, {LR_AIM_COPY, 25, 0}, {LR_AIM_END, 15, 0}, END};
const struct lr_odds lr_odds_undo_ms[] = {
    {0, 60, 0}, {10, 10, 0}, {800, 20, 0}, {3000, 10, 0}, END};
/* Of what must not last for ever. */
const struct lr_odds lr_odds_lasts_ms[] = {
    {10, 30, 0}, {100, 30, 0}, {800, 25, 0}, {3000, 15, 0}, END};
/* How many parts the net falls into: one of them, and all the others. */
const struct lr_odds lr_odds_apart[] = {{2, 50, 0}, {3, 30, 0}, {5, 20, 0}, END};

/* Which one fails, from now on; 0: now and then one. */
const struct lr_odds lr_odds_allocation[] = {{0, 30, 0}, {1, 12, 0}, {2, 12, 0}, {3, 12, 0},
                                             {4, 10, 0}, {5, 8, 0},  {6, 6, 0},  {8, 5, 0},
                                             {11, 5, 0}, END};

/* ---- links ---- */

const struct lr_odds lr_odds_latency_us[] = {{50, 50, 0},      {0, 10, SLOW},     {500, 20, SLOW},
                                             {5000, 20, SLOW}, {40000, 10, SLOW}, END};
const struct lr_odds lr_odds_jitter_us[] = {
    {0, 60, 0}, {50, 15, SLOW}, {1000, 15, SLOW}, {10000, 10, SLOW}, END};
const struct lr_odds lr_odds_bandwidth[] = {
    {0, 70, 0}, {10000000, 15, SLOW}, {1000000, 15, SLOW}, END};
const struct lr_odds lr_odds_segments[] = {
    {LR_SIM_WHOLE, 30, 0}, {LR_SIM_CUTS, 50, SEGMENTS}, {LR_SIM_BYTES, 8, SEGMENTS}, END};
/* Whether all have little patience, or that of the defaults. */
const struct lr_odds lr_odds_hasty[] = {{1, 75, 0}, {0, 25, 0}, END};
